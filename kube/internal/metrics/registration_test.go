package metrics

import (
	"context"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apiregistration "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/fake"
	"k8s.io/kube-aggregator/pkg/client/informers/externalversions"
)

// A registered group, as a cluster has it.
type registered struct {
	client *fake.Clientset
	mu     sync.Mutex
	said   []string
	ended  chan struct{}
}

func register(t *testing.T, wanted bool, existing ...runtime.Object) *registered {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	got := &registered{client: fake.NewSimpleClientset(existing...), ended: make(chan struct{})}
	factory := externalversions.NewSharedInformerFactory(got.client, 0)
	r, err := NewRegistration(factory.Apiregistration().V1().APIServices(), got.client, wanted)
	if err != nil {
		t.Fatal(err)
	}
	r.log = func(s string) {
		got.mu.Lock()
		defer got.mu.Unlock()
		got.said = append(got.said, s)
	}
	services := factory.Apiregistration().V1().APIServices().Informer()
	factory.Start(ctx.Done())
	go func() { defer close(got.ended); r.Run(ctx) }()
	t.Cleanup(func() { stop(); <-got.ended; factory.Shutdown() })
	waitFor(t, services.HasSynced)
	return got
}

func (r *registered) get() *apiregistration.APIService {
	s, err := r.client.ApiregistrationV1().APIServices().Get(context.Background(), apiServiceName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return s
}

func (r *registered) logged() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.said
}

// theirs is the APIService of somebody's own metrics-server.
func theirs() *apiregistration.APIService {
	s := localAPIService()
	s.Spec.Service = &apiregistration.ServiceReference{Namespace: "kube-system", Name: "metrics-server"}
	return s
}

func TestTheGroupIsRegisteredAndComesBack(t *testing.T) {
	r := register(t, true)
	waitFor(t, func() bool { return r.get() != nil })
	if r.get().Spec.Service != nil {
		t.Error("it leads to a Service; want to the API server itself")
	}
	if err := r.client.ApiregistrationV1().APIServices().Delete(context.Background(), apiServiceName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return r.get() != nil })
}

func TestSomebodysOwnMetricsServerWins(t *testing.T) {
	r := register(t, true, theirs())
	waitFor(t, func() bool { return len(r.logged()) > 0 })
	services := r.client.ApiregistrationV1().APIServices()
	again := theirs()
	again.Labels["seen"] = "again"
	if _, err := services.Update(context.Background(), again, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := services.Delete(context.Background(), apiServiceName, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return r.get() != nil })
	if r.get().Spec.Service != nil {
		t.Error("ours does not come back when theirs is deleted")
	}
	if said := r.logged(); len(said) != 1 || !strings.Contains(said[0], "kube-system/metrics-server") {
		t.Errorf("it says %q; want whose it is, once", said)
	}
}

func TestADisabledGroupIsTakenAwayUnlessItIsSomebodyElses(t *testing.T) {
	ours := register(t, false, localAPIService())
	<-ours.ended
	if ours.get() != nil {
		t.Error("ours is still there")
	}
	foreign := register(t, false, theirs())
	<-foreign.ended
	if foreign.get() == nil || len(foreign.logged()) != 0 {
		t.Errorf("somebody else's is %v, and it says %q; want it left alone", foreign.get(), foreign.logged())
	}
	<-register(t, false).ended
}
