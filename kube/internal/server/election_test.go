package server

import (
	"context"
	"errors"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

func TestOnlyTheOwnLeaseIsReleased(t *testing.T) {
	for holder, want := range map[string]string{"own": "", "another": "another"} {
		client := fake.NewClientset(&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "part"},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseTransitions: ptr.To[int32](7)},
		})
		release(&resourcelock.LeaseLock{
			LeaseMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "part"}, Client: client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: "own"},
		}, 0)
		lease, err := client.CoordinationV1().Leases("kube-system").Get(t.Context(), "part", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := ptr.Deref(lease.Spec.HolderIdentity, ""); got != want || *lease.Spec.LeaseTransitions != 7 {
			t.Errorf("held by %s: it is held by %q, transitions %d; want %q", holder, got, *lease.Spec.LeaseTransitions, want)
		}
	}
}

func TestALeaseThatIsJustBeingRenewedIsReleased(t *testing.T) {
	client := fake.NewClientset(&coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "part"},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: ptr.To("own")},
	})
	conflicts := 2
	client.PrependReactor("update", "leases", func(k8stesting.Action) (bool, runtime.Object, error) {
		conflicts--
		return conflicts >= 0, nil, apierrors.NewConflict(coordinationv1.Resource("leases"), "part", errors.New("it was renewed"))
	})
	release(&resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "part"}, Client: client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: "own"},
	}, 0)
	lease, err := client.CoordinationV1().Leases("kube-system").Get(t.Context(), "part", metav1.GetOptions{})
	if err != nil || ptr.Deref(lease.Spec.HolderIdentity, "") != "" {
		t.Errorf("it is held by %q, %v; want nobody", ptr.Deref(lease.Spec.HolderIdentity, ""), err)
	}
}

func TestAPartThatHasNotEndedKeepsItsLeaseUntilItsProcessIsGone(t *testing.T) {
	client := fake.NewClientset()
	p := &controlPlane{client: client}
	p.cfg.DatastoreEndpoint, p.host.NodeName = "postgres://h/d", "one"
	ctx, stop := context.WithCancel(t.Context())
	runs, mayEnd := make(chan struct{}), make(chan struct{})
	defer close(mayEnd)
	part := p.elected("part", func(context.Context) error {
		close(runs)
		<-mayEnd
		return nil
	})
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	<-runs
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	lease, err := client.CoordinationV1().Leases("kube-system").Get(t.Context(), "part", metav1.GetOptions{})
	if err != nil || ptr.Deref(lease.Spec.HolderIdentity, "") != "one" {
		t.Fatalf("it is held by %q, %v; want the one whose part runs", ptr.Deref(lease.Spec.HolderIdentity, ""), err)
	}
	if got := time.Duration(*lease.Spec.LeaseDurationSeconds) * time.Second; got != processPatience {
		t.Errorf("for %v; want %v", got, processPatience)
	}
}

// The next server need not wait until the lease expires.
func TestAServerThatStopsGivesItsPartAwayWhenThatIsOver(t *testing.T) {
	client := fake.NewClientset()
	server := func(name string) *controlPlane {
		p := &controlPlane{client: client}
		p.cfg.DatastoreEndpoint, p.host.NodeName = "postgres://h/d", name
		return p
	}
	ctx, stop := context.WithCancel(t.Context())
	runs, over, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	one := server("one").elected("part", func(ctx context.Context) error {
		close(runs)
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond) // a part that takes a moment
		close(over)
		return nil
	})
	go func() { ended <- one(ctx) }()
	<-runs
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	select {
	case <-over:
	default:
		t.Error("the lease is released, and the part runs")
	}
	ctx, stop = context.WithTimeout(t.Context(), leaseDuration/2)
	defer stop()
	began := false
	two := server("two").elected("part", func(context.Context) error {
		began = true
		stop()
		return nil
	})
	if err := two(ctx); err != nil || !began {
		t.Errorf("%v; want the next one to run the part", err)
	}
}
