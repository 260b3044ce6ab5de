package etcd

import (
	"context"
	"expvar"
	"fmt"
	"os"
	"strings"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/tracker"

	"k3os.io/kube/internal/loop"
)

// silentLooks is how often in a row a learner is found without a sign of life before it is removed: five minutes, as
// k3s has it.
const silentLooks = 30

// A learnerLook is what the leader has found of a learner.
type learnerLook struct {
	match  uint64 // the newest entry of the log that it is known to have
	silent int    // how often in a row there was no sign of life
}

// learnerLooks are those of all learners. Looks are counted instead of time, so that a leader that stood still itself
// gives up nobody. One that answers is never given up, however slowly it catches up: a snapshot of a large database
// moves its match only when it is on the learner's disk.
type learnerLooks map[uint64]learnerLook

// take takes one more look, and returns the learners to be given up. The progress of a member that does not lead is
// empty, and its looks begin anew when it does.
func (l learnerLooks) take(progress map[uint64]tracker.Progress) (silent []uint64) {
	for id := range l {
		if !progress[id].IsLearner {
			delete(l, id)
		}
	}
	for id, p := range progress {
		if !p.IsLearner {
			continue
		}
		last, isKnown := l[id]
		if !isKnown || p.RecentActive || p.Match != last.match {
			l[id] = learnerLook{match: p.Match}
			continue
		}
		last.silent++
		l[id] = last
		if last.silent >= silentLooks {
			silent = append(silent, id)
		}
	}
	return silent
}

// progress is how far the other members are, if this one leads; otherwise it is empty.
func (m *Member) progress() map[uint64]tracker.Progress {
	status, ok := expvar.Get("raft.status").(expvar.Func).Value().(raft.Status)
	if !ok || status.ID != uint64(m.server.Server.MemberID()) {
		return nil // of another member that this process has run
	}
	return status.Progress
}

// giveUpLearners removes, as long as this member leads, learners whose machine does not answer. They would keep the
// keys of Secrets from being changed, and several of them every other server from joining.
func (m *Member) giveUpLearners(ctx context.Context) {
	looks := learnerLooks{}
	var reasons loop.Reasons
	for loop.Pause(ctx, pace.lookEvery) {
		var failed error
		for _, id := range looks.take(m.progress()) {
			if err := m.giveUp(ctx, id); err != nil {
				failed = fmt.Errorf("cannot remove a server from etcd that was joining and does not answer: %w", err)
			}
		}
		if reasons.IsNew(failed) && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: %v\n", failed)
		}
	}
}

func (m *Member) giveUp(ctx context.Context, id uint64) error {
	known, err := m.list(ctx)
	if err != nil {
		return err
	}
	for _, one := range known {
		if one.ID != id || !one.IsLearner {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, requestPatience)
		defer cancel()
		if _, err := m.client.MemberRemove(ctx, id); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "k3s: the server at %s has not answered for %s while it joined, and is no member of etcd any"+
			" more\n", strings.Join(one.PeerURLs, ", "), (silentLooks * pace.lookEvery).Round(time.Second))
	}
	return nil
}
