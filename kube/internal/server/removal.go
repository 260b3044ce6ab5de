package server

import (
	"context"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/tools/cache"

	"k3os.io/kube/internal/loop"
)

// Pauses between two tries to remove a member.
const (
	firstRemovalPause = 2 * time.Second
	lastRemovalPause  = time.Minute
)

// comebackFrom is when a Node of the same name counts as the node's return. One that is deleted while it runs registers
// itself once more before its member is gone.
const comebackFrom = time.Minute

// A removal takes the member of a node that was deleted out of etcd.
type removal struct {
	node   string
	isNew  bool // this server has seen the node being deleted
	note   func(context.Context) error
	remove func(context.Context) error
	forget func(context.Context) error // what was noted
	isBack func() bool                 // there is a node of that name
}

// run tries until the member is gone, or the node has come back, or ctx ends.
func (r removal) run(ctx context.Context) {
	began, isNoted := time.Now(), !r.isNew
	var reasons loop.Reasons
	for pause := firstRemovalPause; ; pause = min(2*pause, lastRemovalPause) {
		end := r.remove
		if (!r.isNew || time.Since(began) >= comebackFrom) && r.isBack() {
			end = r.forget
		}
		err := end(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if reasons.IsNew(err) {
			fmt.Fprintf(os.Stderr, "k3s: node %s was deleted, and its member cannot be taken out of etcd yet: %v\n", r.node, err)
		}
		if !isNoted {
			isNoted = r.note(ctx) == nil // without a majority; it is tried again
		}
		if !loop.Pause(ctx, pause) {
			return
		}
	}
}

func (p *controlPlane) newRemoval(nodeName string, id uint64) removal {
	return removal{
		node:   nodeName,
		note:   func(ctx context.Context) error { return p.members.NoteDeleted(ctx, id, nodeName) },
		remove: func(ctx context.Context) error { return p.members.RemoveMember(ctx, id) },
		forget: func(ctx context.Context) error { return p.members.ForgetDeleted(ctx, id) },
		isBack: func() bool {
			_, exists, err := p.nodes.GetStore().GetByKey(nodeName)
			return exists || err != nil
		},
	}
}

// removeMembers takes the member out of etcd that a deleted node has named, or else those that it has at this moment.
// Another one is that of another machine, or of this one with an empty disk, which may have joined before this server
// saw the node being deleted.
func (p *controlPlane) removeMembers(ctx context.Context, nodeName, member string) {
	ids, err := p.members.MembersOf(ctx, nodeName, member)
	if err != nil {
		fmt.Fprintf(os.Stderr, "k3s: cannot tell which member of etcd was on node %s: %v\n", nodeName, err)
	}
	for _, id := range ids {
		r := p.newRemoval(nodeName, id)
		r.isNew = true
		go r.run(ctx)
	}
}

// resumeRemovals goes on with what was noted before this server started.
func (p *controlPlane) resumeRemovals(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), p.nodes.HasSynced) {
		return
	}
	var reasons loop.Reasons
	for {
		noted, err := p.members.Deleted(ctx)
		if err == nil {
			for id, nodeName := range noted {
				if nodeName != p.host.NodeName {
					go p.newRemoval(nodeName, id).run(ctx)
				}
			}
			return
		}
		if reasons.IsNew(err) && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot tell which members are still to be taken out of etcd: %v\n", err)
		}
		if !loop.Pause(ctx, lastRemovalPause) {
			return
		}
	}
}
