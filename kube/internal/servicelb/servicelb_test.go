package servicelb

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"k3os.io/kube/internal/addresses"
)

func node(name string, labels map[string]string, addresses ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	for _, a := range addresses {
		kind, address, _ := strings.Cut(a, "=")
		n.Status.Addresses = append(n.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeAddressType(kind), Address: address})
	}
	return n
}

var born = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// service is one that is younger than those made before it.
func service(name string, port int32, change ...func(*corev1.Service)) *corev1.Service {
	born = born.Add(time.Hour)
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: types.UID(name), CreationTimestamp: metav1.NewTime(born)},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol},
			Ports: []corev1.ServicePort{{Protocol: corev1.ProtocolTCP, Port: port}},
		},
	}
	for _, c := range change {
		c(s)
	}
	return s
}

func local(s *corev1.Service) {
	s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
}

func has(address string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: address}}
	}
}

func inPool(pool string) func(*corev1.Service) {
	return func(s *corev1.Service) { s.Labels = map[string]string{poolLabel: pool} }
}

func TestDecide(t *testing.T) {
	a := node("a", nil, "InternalIP=10.0.0.1", "Hostname=a")
	b := node("b", nil, "InternalIP=10.0.0.2", "InternalIP=fd00::2")
	outside := node("c", nil, "InternalIP=10.0.0.3", "ExternalIP=192.0.2.3")
	away := node("d", nil, "InternalIP=10.0.0.4")
	away.Status.Conditions[0].Status = corev1.ConditionUnknown
	excluded := node("e", map[string]string{corev1.LabelNodeExcludeBalancers: ""}, "InternalIP=10.0.0.5")
	front := node("f", map[string]string{enableLabel: "true", poolLabel: "front"}, "InternalIP=10.0.0.6")
	back := node("g", map[string]string{enableLabel: "true", poolLabel: "back"}, "InternalIP=10.0.0.7")
	off := node("h", map[string]string{enableLabel: "false"}, "InternalIP=10.0.0.8")
	translated := node("i", nil, "InternalIP=10.0.0.9", "ExternalIP=192.0.2.9")
	translated.Annotations = map[string]string{addresses.BehindNAT: "true"}
	class := "example.com/other"

	for _, tt := range []struct {
		name     string
		nodes    []*corev1.Node
		services []*corev1.Service
		want     string // what Decide says, in its order
	}{
		{"all nodes", []*corev1.Node{b, a}, []*corev1.Service{service("s", 80)}, "s: 10.0.0.1 10.0.0.2"},
		{"the external address of a node that has one", []*corev1.Node{a, outside}, []*corev1.Service{service("s", 80)}, "s: 10.0.0.1 192.0.2.3"},
		{"where external addresses arrive", []*corev1.Node{a, outside, translated}, []*corev1.Service{service("s", 80)},
			"s: 10.0.0.1 10.0.0.9 192.0.2.3 192.0.2.9"},
		{"no node that is away, or excluded", []*corev1.Node{a, away, excluded}, []*corev1.Service{service("s", 80)}, "s: 10.0.0.1"},
		{"no node", []*corev1.Node{away}, []*corev1.Service{service("s", 80)}, "s: there is no node for it"},
		{"another family", []*corev1.Node{a}, []*corev1.Service{service("s", 80, func(s *corev1.Service) {
			s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol}
		})}, "s: no node has an address of its IP family"},
		{"chosen nodes only", []*corev1.Node{a, front, back, off}, []*corev1.Service{service("s", 80)}, "s: 10.0.0.6 10.0.0.7"},
		{"a node that is not chosen leaves none", []*corev1.Node{a, off}, []*corev1.Service{service("s", 80)}, "s: there is no node"},
		{"pools share a port", []*corev1.Node{front, back}, []*corev1.Service{service("s", 80, inPool("back")), service("u", 80, inPool("front"))},
			"s: 10.0.0.7; u: 10.0.0.6"},
		{"a pool without chosen nodes does not count", []*corev1.Node{a}, []*corev1.Service{service("s", 80, inPool("front"))}, "s: 10.0.0.1"},
		{"a port of the node", []*corev1.Node{a}, []*corev1.Service{service("s", 22), service("u", 6443), service("v", 10250), service("w", 2379)},
			"s: port 22/TCP of nodes is for ssh; u: port 6443/TCP of nodes is for the API; v: port 10250/TCP of nodes is for the kubelet; " +
				"w: port 2379/TCP of nodes is for etcd"},
		{"the same number of another protocol", []*corev1.Node{a}, []*corev1.Service{service("s", 22, func(s *corev1.Service) {
			s.Spec.Ports[0].Protocol = corev1.ProtocolUDP
		})}, "s: 10.0.0.1"},
		{"the older one", []*corev1.Node{a}, []*corev1.Service{service("u", 80), service("s", 80)},
			"u: 10.0.0.1; s: port 80/TCP is taken by service ns/u"},
		{"the one that has it", []*corev1.Node{a}, []*corev1.Service{service("u", 80), service("s", 80, has("10.0.0.1"))},
			"s: 10.0.0.1; u: port 80/TCP is taken by service ns/s"},
		{"a node port of another", []*corev1.Node{a}, []*corev1.Service{service("s", 30080), service("u", 81, func(s *corev1.Service) {
			s.Spec.Type = corev1.ServiceTypeNodePort
			s.Spec.Ports[0].NodePort = 30080
		})}, "s: port 30080/TCP is the node port of service ns/u"},
		{"another class, another type", []*corev1.Node{a}, []*corev1.Service{
			service("s", 80, func(s *corev1.Service) { s.Spec.LoadBalancerClass = &class }),
			service("u", 80, func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }),
		}, ""},
		{"nodes with pods", []*corev1.Node{a, b}, []*corev1.Service{service("on-b", 80, local)}, "on-b: 10.0.0.2"},
		{"no pods", []*corev1.Node{a, b}, []*corev1.Service{service("s", 80, local)}, "s: no node has a pod that is ready"},
		{"a port stays taken while there are no pods", []*corev1.Node{a}, []*corev1.Service{service("s", 80, local), service("u", 80)},
			"s: no node has a pod that is ready; u: port 80/TCP is taken"},
	} {
		var got []string
		for _, d := range Decide(State{tt.services, tt.nodes, func(s *corev1.Service) map[string]bool {
			return map[string]bool{strings.TrimPrefix(s.Name, "on-"): strings.HasPrefix(s.Name, "on-")}
		}, Reserved(6443)}) {
			if (d.Reason == "") != (len(d.Addresses) > 0) {
				t.Errorf("%s: %+v has a reason and addresses, or neither", tt.name, d)
			}
			got = append(got, d.Service.Name+": "+d.Reason+strings.Join(d.Addresses, " "))
		}
		want := strings.Split(tt.want, "; ")
		if tt.want == "" {
			want = nil
		}
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s:\n  %q; want\n  %q", tt.name, got, want)
		}
	}
}

func TestStatusesFollowTheCluster(t *testing.T) {
	client := fake.NewClientset(node("a", nil, "InternalIP=10.0.0.1"), node("b", nil, "InternalIP=10.0.0.2"),
		service("web", 80), service("taken", 80), service("near", 81, local))
	nodes := coreinformers.NewNodeInformer(client, 0, cache.Indexers{})
	go nodes.RunWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), nodes.HasSynced) {
		t.Fatal("no nodes")
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { Run(ctx, client, nodes, Reserved(6443)); close(ended) }()
	defer func() { end(); <-ended }()

	await := func(name, want string) {
		t.Helper()
		var got string
		err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			s, err := client.CoreV1().Services("ns").Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			got = fmt.Sprint(texts(s))
			return got == want, nil
		})
		if err != nil {
			t.Fatalf("%s has %s; want %s: %v", name, got, want, err)
		}
	}
	await("web", "[10.0.0.1 10.0.0.2]")
	await("near", "[]")

	onB, ready := "b", true
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Name: "near-1", Namespace: "ns", Labels: map[string]string{discoveryv1.LabelServiceName: "near"}},
		Endpoints:  []discoveryv1.Endpoint{{NodeName: &onB, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}},
	}
	if _, err := client.DiscoveryV1().EndpointSlices("ns").Create(ctx, slice, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await("near", "[10.0.0.2]")
	if err := client.CoreV1().Nodes().Delete(ctx, "b", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await("near", "[]")
	await("web", "[10.0.0.1]")
	if err := client.CoreV1().Services("ns").Delete(ctx, "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	await("taken", "[10.0.0.1]")

	var said []string
	err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		events, err := client.CoreV1().Events("ns").List(ctx, metav1.ListOptions{})
		said = nil
		for _, e := range events.Items {
			said = append(said, e.InvolvedObject.Name+" "+e.Reason+" "+e.Message)
		}
		return slices.ContainsFunc(said, func(s string) bool {
			return strings.HasPrefix(s, "taken UnAvailableLoadBalancer port 80/TCP is taken by service ns/web")
		}), err
	})
	if err != nil {
		t.Errorf("events %q; want that the port is taken: %v", said, err)
	}
}

func TestOnlyOwnStatusesAreTakenBack(t *testing.T) {
	mine := func(s *corev1.Service) {
		s.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: manager, Subresource: "status"}}
	}
	client := fake.NewClientset(service("ours", 80, has("10.0.0.1"), mine), service("theirs", 80, has("192.0.2.1")))
	Withdraw(t.Context(), client)
	for name, want := range map[string]string{"ours": "[]", "theirs": "[192.0.2.1]"} {
		s, err := client.CoreV1().Services("ns").Get(t.Context(), name, metav1.GetOptions{})
		if err != nil || fmt.Sprint(texts(s)) != want {
			t.Errorf("%s has %v, %v; want %s", name, texts(s), err, want)
		}
	}
}
