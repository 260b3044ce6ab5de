package networkpolicy

import (
	"context"
	"fmt"
	"maps"
	"os"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	networkinglisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/knftables"

	"k3os.io/kube/internal/loop"
)

// settle is how long changes are gathered. Each new set of rules takes a process, and in a large cluster some time: the
// pause between two of them is breather times as long as the last one took.
const (
	settle   = 50 * time.Millisecond
	breather = 4
)

// renew is how often the rules are written though nothing has changed: somebody else may have flushed them.
const renew = 5 * time.Minute

// An enforcer keeps the node's rules those that follow from the API.
type enforcer struct {
	options Options
	client  kubernetes.Interface
	connect func() (knftables.Interface, error)
	retry   time.Duration // after what did not work

	nft     knftables.Interface // when it is connected
	written string              // the last transaction that worked
	at      time.Time           // when it did
	reasons loop.Reasons
	changed loop.Signal
}

func newEnforcer(o Options, client kubernetes.Interface, connect func() (knftables.Interface, error)) *enforcer {
	return &enforcer{options: o, client: client, connect: connect, retry: retry, changed: loop.NewSignal()}
}

// run returns when there has been no policy for that long, and then has removed all rules; or when ctx ends.
func (e *enforcer) run(ctx context.Context, linger time.Duration) {
	ctx, cancel := context.WithCancel(ctx)
	factory := informers.NewSharedInformerFactoryWithOptions(e.client, 0, informers.WithTransform(trim))
	defer factory.Shutdown()
	defer cancel()
	policies := factory.Networking().V1().NetworkPolicies()
	pods, namespaces := factory.Core().V1().Pods(), factory.Core().V1().Namespaces()
	for _, i := range []cache.SharedIndexInformer{policies.Informer(), pods.Informer(), namespaces.Informer()} {
		if _, err := i.AddEventHandler(e.changes()); err != nil {
			e.tell(err) // only an informer that is stopped refuses
			return
		}
	}
	factory.StartWithContext(ctx)
	factory.WaitForCacheSync(ctx.Done())
	timer := time.NewTimer(0) // of the next look
	defer timer.Stop()
	var empty, rested time.Time // since when there is no policy; when the next look may be
	for gathering := false; ; gathering = false {
		for due := false; !due; {
			select {
			case <-ctx.Done():
				return
			case <-e.changed:
				if !gathering {
					gathering = true
					timer.Reset(max(settle, time.Until(rested)))
				}
			case <-timer.C:
				due = true
			}
		}
		if ctx.Err() != nil { // perhaps before the lists were complete
			return
		}
		began := time.Now()
		c := e.look(policies.Lister(), pods.Lister(), namespaces.Lister())
		err := e.apply(ctx, c)
		rested = time.Now().Add(breather * time.Since(began))
		if err != nil {
			e.tell(err)
			timer.Reset(e.retry)
			continue
		}
		e.reasons = loop.Reasons{}
		switch {
		case len(c.policies) > 0:
			empty = time.Time{}
			timer.Reset(renew)
		case empty.IsZero():
			empty = time.Now()
			timer.Reset(linger)
		case time.Since(empty) >= linger:
			return
		default:
			timer.Reset(linger - time.Since(empty))
		}
	}
}

// look reads the lists. They are of memory, and do not fail.
func (e *enforcer) look(policies networkinglisters.NetworkPolicyLister, pods corelisters.PodLister,
	namespaces corelisters.NamespaceLister) cluster {
	c := cluster{node: e.options.NodeName, bridge: e.options.Bridge, namespaces: map[string]labels.Set{}}
	c.policies, _ = policies.List(labels.Everything())
	c.pods, _ = pods.List(labels.Everything())
	all, _ := namespaces.List(labels.Everything())
	for _, n := range all {
		c.namespaces[n.Name] = n.Labels
	}
	return c
}

// apply makes the kernel's rules those of c, if they are others, or were written long ago.
func (e *enforcer) apply(ctx context.Context, c cluster) (err error) {
	if e.nft == nil {
		if e.nft, err = e.connect(); err != nil {
			return err
		}
	}
	tx := e.nft.NewTransaction()
	if len(c.policies) > 0 {
		c.write(tx)
	} else {
		remove(tx)
	}
	text := tx.String()
	if text == e.written && time.Since(e.at) < renew {
		return nil
	}
	if err := e.nft.Run(ctx, tx); err != nil {
		return err
	}
	e.written, e.at = text, time.Now()
	return nil
}

func (e *enforcer) tell(err error) {
	if e.reasons.IsNew(err) {
		fmt.Fprintf(os.Stderr, "k3s: the rules of NetworkPolicies cannot be brought up to date: %v\n", err)
	}
}

// changes asks for a look at what concerns rules.
func (e *enforcer) changes() cache.ResourceEventHandler {
	look := e.changed.Give
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { look() },
		DeleteFunc: func(any) { look() },
		UpdateFunc: func(before, now any) {
			if !same(before, now) {
				look()
			}
		},
	}
}

// same tells whether two versions of an object, both trimmed, lead to the same rules.
func same(before, now any) bool {
	switch now := now.(type) {
	case *corev1.Pod:
		before := before.(*corev1.Pod)
		return maps.Equal(before.Labels, now.Labels) && reflect.DeepEqual(before.Spec, now.Spec) &&
			reflect.DeepEqual(before.Status, now.Status)
	case *corev1.Namespace:
		return maps.Equal(before.(*corev1.Namespace).Labels, now.Labels)
	case *networkingv1.NetworkPolicy:
		return reflect.DeepEqual(before.(*networkingv1.NetworkPolicy).Spec, now.Spec)
	}
	return false
}

// trim leaves of an object what rules follow from.
func trim(o any) (any, error) {
	switch o := o.(type) {
	case *corev1.Pod:
		return &corev1.Pod{
			ObjectMeta: trimMeta(&o.ObjectMeta),
			Spec: corev1.PodSpec{NodeName: o.Spec.NodeName, HostNetwork: o.Spec.HostNetwork,
				InitContainers: portsOf(o.Spec.InitContainers), Containers: portsOf(o.Spec.Containers)},
			Status: corev1.PodStatus{Phase: o.Status.Phase, PodIPs: o.Status.PodIPs},
		}, nil
	case *corev1.Namespace:
		return &corev1.Namespace{ObjectMeta: trimMeta(&o.ObjectMeta)}, nil
	case *networkingv1.NetworkPolicy:
		return &networkingv1.NetworkPolicy{ObjectMeta: trimMeta(&o.ObjectMeta), Spec: o.Spec}, nil
	}
	return o, nil
}

func trimMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion,
		CreationTimestamp: m.CreationTimestamp, Labels: m.Labels}
}

func portsOf(containers []corev1.Container) (all []corev1.Container) {
	for _, c := range containers {
		if len(c.Ports) > 0 {
			all = append(all, corev1.Container{Ports: c.Ports})
		}
	}
	return all
}
