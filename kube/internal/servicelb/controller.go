package servicelb

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	coreinformers "k8s.io/client-go/informers/core/v1"
	discoveryinformers "k8s.io/client-go/informers/discovery/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"k3os.io/kube/internal/loop"
)

// manager owns the statuses that this package writes.
const manager = "k3s-servicelb"

// retryAfter is how long a status waits that could not be written.
const retryAfter = 3 * time.Second

type controller struct {
	client   kubernetes.Interface
	nodes    corelisters.NodeLister
	balanced cache.SharedIndexInformer // services of type LoadBalancer
	services cache.SharedIndexInformer // all of them, for their node ports; nil as long as none is of this type
	slices   cache.SharedIndexInformer // nil as long as no service needs it
	reserved map[Port]string
	recorder record.EventRecorder
	changed  loop.Signal
	told     map[types.UID]string // the reason of the last Event of each service
}

// Run keeps the statuses until ctx ends. nodes is of an informer that runs.
func Run(ctx context.Context, client kubernetes.Interface, nodes cache.SharedIndexInformer, reserved map[Port]string) {
	events := record.NewBroadcaster(record.WithContext(ctx))
	defer events.Shutdown()
	events.StartRecordingToSink(&corev1client.EventSinkImpl{Interface: client.CoreV1().Events("")})
	c := &controller{
		client: client,
		nodes:  corelisters.NewNodeLister(nodes.GetIndexer()),
		balanced: coreinformers.NewFilteredServiceInformer(client, "", 0, cache.Indexers{}, func(o *metav1.ListOptions) {
			o.FieldSelector = "spec.type=" + string(corev1.ServiceTypeLoadBalancer)
		}),
		reserved: reserved,
		recorder: events.NewRecorder(scheme.Scheme, corev1.EventSource{Component: manager}),
		changed:  loop.NewSignal(),
		told:     map[types.UID]string{},
	}
	atNodes, err := nodes.AddEventHandler(c.handler())
	if err != nil {
		fmt.Fprintf(os.Stderr, "k3s: no addresses for services: %v\n", err)
		return
	}
	defer func() { _ = nodes.RemoveEventHandler(atNodes) }() // it fails only for a handler of another informer
	if !c.start(ctx, c.balanced) {
		return
	}
	for {
		var again <-chan time.Time
		if !c.sync(ctx) {
			again = time.After(retryAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.changed:
		case <-again:
		}
	}
}

// start runs an informer, and returns when it has everything.
func (c *controller) start(ctx context.Context, informer cache.SharedIndexInformer) bool {
	// Both fail only for an informer that runs.
	_ = informer.SetTransform(func(o any) (any, error) {
		if m, ok := o.(metav1.Object); ok {
			m.SetManagedFields(nil)
		}
		return o, nil
	})
	_, _ = informer.AddEventHandler(c.handler())
	go informer.RunWithContext(ctx)
	return cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
}

func (c *controller) handler() cache.ResourceEventHandler {
	look := c.changed.Give
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { look() }, UpdateFunc: func(any, any) { look() }, DeleteFunc: func(any) { look() },
	}
}

// sync brings every status in line. It returns whether all of them are.
func (c *controller) sync(ctx context.Context) bool {
	if !slices.ContainsFunc(servicesOf(c.balanced), Ours) {
		return true
	}
	if c.services == nil {
		c.services = coreinformers.NewServiceInformer(c.client, "", 0, cache.Indexers{})
		if !c.start(ctx, c.services) {
			return false
		}
	}
	services := servicesOf(c.services)
	if c.slices == nil && slices.ContainsFunc(services, func(s *corev1.Service) bool { return Ours(s) && Local(s) }) {
		c.slices = discoveryinformers.NewEndpointSliceInformer(c.client, "", 0,
			cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
		if !c.start(ctx, c.slices) {
			return false
		}
	}
	nodes, err := c.nodes.List(labels.Everything())
	if err != nil {
		return false
	}
	ok := true
	told := map[types.UID]string{}
	for _, d := range Decide(State{services, nodes, c.endpoints, c.reserved}) {
		if err := c.write(ctx, d); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot write the addresses of service %s: %v\n", key(d.Service), err)
			ok = false
		}
		if told[d.Service.UID] = d.Reason; d.Reason != "" && c.told[d.Service.UID] != d.Reason {
			c.recorder.Event(d.Service, corev1.EventTypeWarning, "UnAvailableLoadBalancer", d.Reason)
		}
	}
	c.told = told
	return ok
}

func servicesOf(informer cache.SharedIndexInformer) (all []*corev1.Service) {
	for _, o := range informer.GetIndexer().List() {
		if s, ok := o.(*corev1.Service); ok {
			all = append(all, s)
		}
	}
	return all
}

// endpoints are the nodes with a pod that is ready for a service.
func (c *controller) endpoints(s *corev1.Service) map[string]bool {
	ready := map[string]bool{}
	all, _ := c.slices.GetIndexer().ByIndex(cache.NamespaceIndex, s.Namespace) // it has this index
	for _, o := range all {
		slice, ok := o.(*discoveryv1.EndpointSlice)
		if !ok || slice.Labels[discoveryv1.LabelServiceName] != s.Name {
			continue
		}
		for _, e := range slice.Endpoints {
			if e.NodeName != nil && (e.Conditions.Ready == nil || *e.Conditions.Ready) {
				ready[*e.NodeName] = true
			}
		}
	}
	return ready
}

func (c *controller) write(ctx context.Context, d Decision) error {
	before := texts(d.Service)
	if slices.Equal(before, d.Addresses) {
		return nil
	}
	err := writeStatus(ctx, c.client, d.Service, d.Addresses)
	if err == nil && len(d.Addresses) > 0 {
		c.recorder.Eventf(d.Service, corev1.EventTypeNormal, "UpdatedLoadBalancer", "Updated LoadBalancer with new IPs: %v -> %v", before, d.Addresses)
	}
	return err
}

// texts are the addresses that a service has.
func texts(s *corev1.Service) (all []string) {
	for _, i := range s.Status.LoadBalancer.Ingress {
		if i.IPMode != nil && *i.IPMode != corev1.LoadBalancerIPModeVIP {
			return []string{"of another mode"}
		}
		all = append(all, i.IP+i.Hostname)
	}
	return all
}

func writeStatus(ctx context.Context, client kubernetes.Interface, s *corev1.Service, addresses []string) error {
	vip := corev1.LoadBalancerIPModeVIP
	var ingress []corev1.LoadBalancerIngress
	for _, a := range addresses {
		ingress = append(ingress, corev1.LoadBalancerIngress{IP: a, IPMode: &vip})
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": s.UID},
		"status":   map[string]any{"loadBalancer": map[string]any{"ingress": ingress}},
	})
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Services(s.Namespace).Patch(ctx, s.Name, types.MergePatchType, patch,
		metav1.PatchOptions{FieldManager: manager}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // it is another service now, or none
	}
	return err
}

// Withdraw takes back the addresses that Run has written, and returns when none are left: kube-proxy goes by them
// as long as they are there. It returns before that only if ctx ends.
func Withdraw(ctx context.Context, client kubernetes.Interface) {
	for {
		err := withdraw(ctx, client)
		if err == nil || ctx.Err() != nil {
			return
		}
		fmt.Fprintf(os.Stderr, "k3s: cannot take back the addresses of services: %v\n", err)
		if !loop.Pause(ctx, retryAfter) {
			return
		}
	}
}

func withdraw(ctx context.Context, client kubernetes.Interface) error {
	all, err := client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, s := range all.Items {
		if len(s.Status.LoadBalancer.Ingress) == 0 || !isWritten(&s) {
			continue
		}
		if err := writeStatus(ctx, client, &s, nil); err != nil {
			return err
		}
	}
	return nil
}

// isWritten tells whether this package has written the status, and nobody after it.
func isWritten(s *corev1.Service) bool {
	return slices.ContainsFunc(s.ManagedFields, func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == manager && f.Subresource == "status"
	})
}
