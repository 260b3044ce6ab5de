package networkpolicy

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/knftables"
)

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// A kernel counts what reaches it, and refuses while it fails.
type kernel struct {
	*knftables.Fake
	runs, failed atomic.Int32
	fails        atomic.Bool
}

func (k *kernel) Run(ctx context.Context, tx *knftables.Transaction) error {
	if k.fails.Load() {
		k.failed.Add(1)
		return errors.New("no room")
	}
	k.runs.Add(1)
	return k.Fake.Run(ctx, tx)
}

func (k *kernel) has(text string) bool { return strings.Contains(k.Dump(), text) }

func (k *kernel) isEmpty() bool {
	k.RLock()
	defer k.RUnlock()
	return k.Table == nil
}

func TestRulesFollowTheCluster(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := policy(t, "p", `{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}}]}]}`)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	client := fake.NewClientset(p, namespace, pod("client", "10.42.0.3"))
	k := &kernel{Fake: knftables.NewFake(knftables.InetFamily, Table)}
	e := newEnforcer(Options{NodeName: "here"}, client, func() (knftables.Interface, error) { return k, nil })
	e.retry = time.Millisecond
	done := make(chan struct{})
	go func() { e.run(ctx, 0); close(done) }()
	eventually(t, "a table without pods", func() bool { return k.has("hook forward") && !k.has("10.42.0") })

	web, err := client.CoreV1().Pods("default").Create(ctx, pod("web", ""), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	web.Status.PodIPs = []corev1.PodIP{{IP: "10.42.0.2"}}
	if web, err = client.CoreV1().Pods("default").UpdateStatus(ctx, web, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod is isolated, nobody is allowed", func() bool {
		return k.has("ingress { 10.42.0.2 : goto") && !k.has("10.42.0.3")
	})

	k.fails.Store(true)
	namespace.Labels = map[string]string{"team": "a"}
	if _, err := client.CoreV1().Namespaces().Update(ctx, namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it tries again", func() bool { return k.failed.Load() > 1 })
	k.fails.Store(false)
	eventually(t, "the labelled namespace is allowed", func() bool { return k.has("10.42.0.3") })

	runs := k.runs.Load()
	web.Annotations = map[string]string{"a": "b"}
	if _, err := client.CoreV1().Pods("default").Update(ctx, web, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := client.CoreV1().Pods("default").Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no pod is isolated", func() bool { return !k.has("goto") })
	if got := k.runs.Load(); got != runs+1 {
		t.Errorf("%d transactions for an annotation and a deletion; want one", got-runs)
	}

	if err := client.NetworkingV1().NetworkPolicies("default").Delete(ctx, "p", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	<-done
	if !k.isEmpty() {
		t.Errorf("rules are left:\n%s", k.Dump())
	}
}

func TestRulesStayWhenK3sStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	k := &kernel{Fake: knftables.NewFake(knftables.InetFamily, Table)}
	client := fake.NewClientset(policy(t, "p", `podSelector: {}`), pod("web", "10.42.0.2"))
	done := make(chan struct{})
	go func() {
		newEnforcer(Options{NodeName: "here"}, client, func() (knftables.Interface, error) { return k, nil }).run(ctx, time.Hour)
		close(done)
	}()
	eventually(t, "the pod is isolated", func() bool { return k.has("ingress { 10.42.0.2 : goto") })
	cancel()
	<-done
	if !k.has("ingress { 10.42.0.2 : goto") {
		t.Errorf("the rules are gone:\n%s", k.Dump())
	}
}

func TestAwaitFirst(t *testing.T) {
	p := policy(t, "p", `podSelector: {}`)
	there := fake.NewClientset(p)
	if err := awaitFirst(t.Context(), there, func(context.Context) error { return errors.New("none") }); err != nil {
		t.Errorf("%v; want no error where there is one", err)
	}

	client := fake.NewClientset()
	called := make(chan struct{})
	done := make(chan error)
	go func() {
		done <- awaitFirst(t.Context(), client, func(context.Context) error { close(called); return nil })
	}()
	<-called
	select {
	case err := <-done:
		t.Fatalf("it ended without a policy: %v", err)
	default:
	}
	if _, err := client.NetworkingV1().NetworkPolicies("default").Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestTrimKeepsWhatRulesFollowFrom(t *testing.T) {
	full := pod("web", "10.42.0.2", withWebPort, young)
	full.Annotations = map[string]string{"a": "b"}
	full.Spec.Volumes = make([]corev1.Volume, 3)
	trimmed, err := trim(full)
	if err != nil {
		t.Fatal(err)
	}
	p := trimmed.(*corev1.Pod)
	if p.Annotations != nil || p.Spec.Volumes != nil {
		t.Errorf("%+v; want neither annotations nor volumes", p)
	}
	spec := `{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: web}]}]}`
	if got, want := allowed(t, "ingress", spec, p), allowed(t, "ingress", spec, full); got != want || got == "" {
		t.Errorf("rules %q of the trimmed pod; want %q", got, want)
	}
	other := full.DeepCopy()
	other.ResourceVersion, other.Annotations = "9", nil
	trimmedOther, _ := trim(other)
	if !same(trimmed, trimmedOther) {
		t.Error("another version is another pod")
	}
	other.Labels = map[string]string{"app": "else"}
	if trimmedOther, _ = trim(other); same(trimmed, trimmedOther) {
		t.Error("a pod with other labels is the same")
	}
}

func TestAStopBeforeTheListsAreCompleteRemovesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // what is due and the end of ctx come in any order
		k := &kernel{Fake: knftables.NewFake(knftables.InetFamily, Table)}
		newEnforcer(Options{NodeName: "here"}, fake.NewClientset(), func() (knftables.Interface, error) { return k, nil }).run(ctx, 0)
		if got := k.runs.Load(); got > 0 {
			t.Fatalf("%d transactions; want none", got)
		}
	}
}
