package etcd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.etcd.io/raft/v3/tracker"
)

func TestALearnerIsGivenUpOnlyWhenItIsSilent(t *testing.T) {
	const voter, learner = 1, 2
	at := func(match uint64, answers bool) map[uint64]tracker.Progress {
		return map[uint64]tracker.Progress{
			voter: {}, learner: {IsLearner: true, Match: match, RecentActive: answers},
		}
	}
	for name, tt := range map[string]struct {
		look func(n int) map[uint64]tracker.Progress
		want int // the look at which it is given up; 0 is never
	}{
		"it never answers":             {func(int) map[uint64]tracker.Progress { return at(0, false) }, silentLooks},
		"it loads a snapshot for long": {func(int) map[uint64]tracker.Progress { return at(0, true) }, 0},
		"it answers now and then":      {func(n int) map[uint64]tracker.Progress { return at(0, n%silentLooks == 0) }, 0},
		"only what it has grows":       {func(n int) map[uint64]tracker.Progress { return at(uint64(n/20), false) }, 0},
		"it falls silent":              {func(n int) map[uint64]tracker.Progress { return at(7, n <= 10) }, 10 + silentLooks},
		"it gets a vote, and is off": {func(n int) map[uint64]tracker.Progress {
			if n < 10 {
				return at(7, false)
			}
			return map[uint64]tracker.Progress{voter: {}, learner: {Match: 7}}
		}, 0},
		"this member does not always lead": {func(n int) map[uint64]tracker.Progress {
			if n%silentLooks == 0 {
				return nil
			}
			return at(0, false)
		}, 0},
	} {
		looks, got := learnerLooks{}, 0
		for n := range 4 * silentLooks {
			if silent := looks.take(tt.look(n)); len(silent) > 0 {
				if !slices.Equal(silent, []uint64{learner}) {
					t.Errorf("%s: %v is given up", name, silent)
				}
				got = n
				break
			}
		}
		if got != tt.want {
			t.Errorf("%s: given up at look %d; want %d", name, got, tt.want)
		}
	}
}

// noVote leaves whoever joins a learner, until there are votes.
type noVote struct {
	*Member
	votes *atomic.Bool
}

func (j noVote) PromoteMember(ctx context.Context, name string) error {
	if !j.votes.Load() {
		return errors.New("not yet")
	}
	return j.Member.PromoteMember(ctx, name)
}

func TestALearnerWhoseMachineIsGoneIsRemoved(t *testing.T) {
	first, store := machine(t, 14, nil, nil)
	stop := open(t, first)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	votes := &atomic.Bool{}
	learner, _ := machine(t, 15, shared, noVote{first, votes})
	joining, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := learner.Open(joining)
		ended <- err
	}()
	const is = "[m14 m15 (learner)]"
	names := func() string {
		list, err := first.list(t.Context())
		if err != nil {
			return err.Error()
		}
		for _, one := range list {
			if one.Name == "" {
				return "one has not started"
			}
		}
		return fmt.Sprint(slices.Sorted(slices.Values(members(t, first))))
	}
	until := func(want string) {
		t.Helper()
		for end := time.Now().Add(time.Minute); names() != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("members %s; want %s", names(), want)
			}
		}
	}
	until(is)
	// Of the members of a process, only the one that was started last tells its progress.
	stop()
	open(t, first)
	until(is)
	time.Sleep(2 * silentLooks * pace.lookEvery)
	if got := names(); got != is {
		t.Fatalf("members %s while it answers; want %s", got, is)
	}
	leave()
	<-ended
	if err := first.AllVote(t.Context()); err == nil {
		t.Error("a learner has a vote")
	}
	until("[m14]")
	if err := first.AllVote(t.Context()); err != nil {
		t.Error(err)
	}
	before, err := learner.name()
	if err != nil {
		t.Fatal(err)
	}
	votes.Store(true)
	open(t, learner)
	if got := names(); got != "[m14 m15]" {
		t.Errorf("members %s; want the one that came back with a vote", got)
	}
	if learner.hadNoVote() || learner.Name() == before {
		t.Errorf("%s is joining: %v; want another member than %s that is none any more", learner.Name(), learner.hadNoVote(), before)
	}
}

func TestALearnerThatNeverStartsIsRemoved(t *testing.T) {
	first, _ := machine(t, 16, nil, nil)
	open(t, first)
	if _, err := first.AddMember(t.Context(), "gone-01234567", "https://127.0.77.17:2380"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		list, err := first.list(t.Context())
		if err == nil && len(list) == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("members %v, %v; want the first alone", list, err)
		}
	}
}
