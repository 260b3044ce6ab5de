package server

import (
	"context"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/util/retry"
)

// Parts that one server runs at a time, and their leases.
const (
	upstreamControllers = "kube-controller-manager"
	ownControllers      = "k3s-controllers"
	schedulerPart       = "kube-scheduler"
)

// How long a part that only one server runs is another's, as k3s has it.
const (
	leaseDuration = 40 * time.Second
	renewDeadline = 30 * time.Second
	retryPeriod   = 5 * time.Second
)

// identity is what no other server has, and this one has again after a restart.
func (p *controlPlane) identity() string {
	if p.members != nil {
		return p.members.Name()
	}
	return p.host.NodeName
}

// elected runs a part on one of several servers at a time. Upstream's own election ends the process when it is lost,
// and etcd with it; this one ends the part, and begins anew.
func (p *controlPlane) elected(name string, run func(context.Context) error) func(context.Context) error {
	if !p.isOneOfSeveral() {
		return run
	}
	return func(ctx context.Context) error {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name},
			Client:     p.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: p.identity()},
		}
		for {
			turn, end := context.WithCancel(ctx)
			ended := make(chan error, 1)
			elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
				Lock: lock, Name: name,
				LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(ctx context.Context) {
						err := run(ctx)
						if ctx.Err() != nil {
							err = nil // it was told to end
						}
						ended <- err
						end()
					},
					OnStoppedLeading: func() {},
				},
			})
			if err != nil {
				end()
				return err
			}
			elector.Run(turn)
			if ctx.Err() == nil || elector.IsLeader() { // or it has never led
				var expiry time.Duration
				expiry, err = awaitEnd(ctx, name, ended)
				release(lock, expiry)
			}
			end()
			if err != nil || ctx.Err() != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "k3s: another server may run the %s now\n", name)
		}
	}
}

const (
	// How long a server that stops waits for a part to end, and for the API to take note of that.
	endPatience     = time.Second
	releasePatience = time.Second
	// processPatience is how long the process of a server that stops may still be there (parts.Run).
	processPatience = 5 * time.Second
	// latePatience is for a part that has lost its lease, which another server may take 10 s later.
	latePatience = 15 * time.Second
)

// awaitEnd waits for a part, which must be over before it begins anew, here or elsewhere. When the server stops, there
// is not time for all that a part does then: expiry is when its process is gone, and 0 if the part is over.
func awaitEnd(ctx context.Context, name string, ended <-chan error) (expiry time.Duration, err error) {
	late, stopped := time.NewTimer(latePatience), stopping(ctx, endPatience)
	defer late.Stop()
	for {
		select {
		case err := <-ended:
			return 0, err
		case <-late.C:
			fmt.Fprintf(os.Stderr, "k3s: the %s has lost its lease and has not ended yet: another server may run it at the same"+
				" time; restart k3s here if this lasts\n", name)
		case <-stopped:
			return processPatience, nil
		}
	}
}

// stopping is reached some time after ctx has ended.
func stopping(ctx context.Context, patience time.Duration) <-chan struct{} {
	over := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(patience, func() { close(over) }) })
	return over
}

// release lets another server run the part after expiry, if the lease is this one's. client-go would do it before the
// part is over, and would take the lease from whoever has it by now.
func release(lock resourcelock.Interface, expiry time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), releasePatience)
	defer cancel()
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		record, _, err := lock.Get(ctx)
		if err != nil || record.HolderIdentity != lock.Identity() {
			return err
		}
		now := metav1.Now()
		released := resourcelock.LeaderElectionRecord{
			LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now, LeaderTransitions: record.LeaderTransitions,
		}
		if expiry > 0 {
			released.HolderIdentity, released.LeaseDurationSeconds = lock.Identity(), int(expiry.Seconds())
		}
		return lock.Update(ctx, released)
	})
	if err != nil && !apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "k3s: other servers wait until the lease %s expires: %v\n", lock.Describe(), err)
	}
}
