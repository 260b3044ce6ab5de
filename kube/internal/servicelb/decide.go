// Package servicelb gives services of type LoadBalancer the addresses of nodes, as k3s's ServiceLB does, without a
// pod: kube-proxy leads what arrives at an address in a service's status to its pods.
package servicelb

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"k3os.io/kube/internal/addresses"
	"k3os.io/kube/internal/apinode"
)

// Name is what --disable calls it.
const Name = "servicelb"

// Labels of nodes and services, k3s's own. If any node has enableLabel, only those that say true are used;
// poolLabel then chooses among them.
const (
	enableLabel = "svccontroller.k3s.cattle.io/enablelb"
	poolLabel   = "svccontroller.k3s.cattle.io/lbpool"
)

// A Port is one of a node's.
type Port struct {
	Protocol corev1.Protocol
	Number   int32
}

// Reserved are ports that nodes need themselves, by what for. Whoever took one would cut off the cluster.
func Reserved(apiPort int) map[Port]string {
	return map[Port]string{
		{corev1.ProtocolTCP, 22}:             "ssh",
		{corev1.ProtocolTCP, 2379}:           "etcd",
		{corev1.ProtocolTCP, 2380}:           "etcd",
		{corev1.ProtocolTCP, 2381}:           "etcd",
		{corev1.ProtocolTCP, 10250}:          "the kubelet",
		{corev1.ProtocolUDP, 8472}:           "the pod network",
		{corev1.ProtocolUDP, 51820}:          "the pod network",
		{corev1.ProtocolTCP, int32(apiPort)}: "the API",
	}
}

// A State is what the decisions depend on.
type State struct {
	Services []*corev1.Service // all of them: those of other types have node ports
	Nodes    []*corev1.Node
	// Endpoints returns the names of nodes that have a pod which is ready for the service.
	Endpoints func(*corev1.Service) map[string]bool
	Reserved  map[Port]string
}

// A Decision is what a service gets: addresses, or the reason why it has none.
type Decision struct {
	Service   *corev1.Service
	Addresses []string
	Reason    string
}

// Ours tells whether a service is for this load balancer.
func Ours(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.Spec.LoadBalancerClass == nil && s.DeletionTimestamp == nil
}

// Local tells whether only nodes with pods of the service may take its traffic.
func Local(s *corev1.Service) bool {
	return s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

// Decide says what every service of type LoadBalancer gets. Of two services with the same port a node takes the one
// that has addresses already, and otherwise the older one.
func Decide(s State) (all []Decision) {
	var services []*corev1.Service
	for _, one := range s.Services {
		if Ours(one) {
			services = append(services, one)
		}
	}
	slices.SortFunc(services, func(a, b *corev1.Service) int {
		return cmp.Or(
			cmp.Compare(waits(a), waits(b)),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(key(a), key(b)),
		)
	})
	nodePorts := nodePortsOf(s.Services)
	taken := map[string]map[Port]string{} // by node
	for _, one := range services {
		d := Decision{Service: one}
		nodes, why := free(one, candidates(one, s.Nodes), taken, nodePorts, s.Reserved)
		for _, node := range nodes {
			if taken[node.Name] == nil {
				taken[node.Name] = map[Port]string{}
			}
			for _, p := range portsOf(one) {
				taken[node.Name][p] = key(one)
			}
		}
		if d.Reason = why; why == "" && Local(one) {
			ready := s.Endpoints(one)
			nodes = slices.DeleteFunc(nodes, func(n *corev1.Node) bool { return !ready[n.Name] })
			if len(nodes) == 0 {
				d.Reason = "no node has a pod that is ready for it, and its externalTrafficPolicy is Local"
			}
		}
		if d.Reason == "" {
			if d.Addresses = addressesOf(nodes, one.Spec.IPFamilies); len(d.Addresses) == 0 {
				d.Reason = "no node has an address of its IP family"
			}
		}
		all = append(all, d)
	}
	return all
}

func key(s *corev1.Service) string { return s.Namespace + "/" + s.Name }

// waits is 0 for a service that has an address, so that it comes first.
func waits(s *corev1.Service) int {
	if len(s.Status.LoadBalancer.Ingress) > 0 {
		return 0
	}
	return 1
}

func portsOf(s *corev1.Service) (all []Port) {
	for _, p := range s.Spec.Ports {
		all = append(all, Port{cmp.Or(p.Protocol, corev1.ProtocolTCP), p.Port})
	}
	return all
}

// nodePortsOf are the ports that are open on every node, by the service that has them.
func nodePortsOf(services []*corev1.Service) map[Port]string {
	all := map[Port]string{}
	for _, s := range services {
		for _, p := range s.Spec.Ports {
			if p.NodePort != 0 {
				all[Port{cmp.Or(p.Protocol, corev1.ProtocolTCP), p.NodePort}] = key(s)
			}
		}
		if p := s.Spec.HealthCheckNodePort; p != 0 {
			all[Port{corev1.ProtocolTCP, p}] = key(s)
		}
	}
	return all
}

// candidates are the nodes that may take the traffic of a service.
func candidates(s *corev1.Service, nodes []*corev1.Node) (all []*corev1.Node) {
	chosen := slices.ContainsFunc(nodes, func(n *corev1.Node) bool { _, ok := n.Labels[enableLabel]; return ok })
	pool := s.Labels[poolLabel]
	for _, n := range nodes {
		_, excluded := n.Labels[corev1.LabelNodeExcludeBalancers]
		switch {
		case excluded || n.DeletionTimestamp != nil || !apinode.IsReady(n):
		case chosen && n.Labels[enableLabel] != "true":
		case chosen && pool != "" && n.Labels[poolLabel] != pool:
		default:
			all = append(all, n)
		}
	}
	return all
}

// free are the candidates on which all ports of a service are free, or the reason why there are none.
func free(s *corev1.Service, candidates []*corev1.Node, taken map[string]map[Port]string, nodePorts, reserved map[Port]string) (all []*corev1.Node, why string) {
	for _, p := range portsOf(s) {
		if what, ok := reserved[p]; ok {
			return nil, fmt.Sprintf("port %d/%s of nodes is for %s: choose another one", p.Number, p.Protocol, what)
		}
		if other := nodePorts[p]; other != "" && other != key(s) {
			return nil, fmt.Sprintf("port %d/%s is the node port of service %s: choose another one", p.Number, p.Protocol, other)
		}
	}
	for _, n := range candidates {
		conflict := ""
		for _, p := range portsOf(s) {
			if other := taken[n.Name][p]; other != "" {
				conflict = fmt.Sprintf("port %d/%s is taken by service %s on every node that could be used", p.Number, p.Protocol, other)
			}
		}
		if conflict == "" {
			all = append(all, n)
		} else {
			why = conflict
		}
	}
	switch {
	case len(all) > 0:
		return all, ""
	case why == "":
		return nil, "there is no node for it that is Ready, and that its labels choose"
	}
	return nil, why
}

// addressesOf are of each node its external addresses, if it has some, or else its internal ones: a node that gets an
// external address takes none from the others. What is sent to an external address that is translated on its way
// arrives at the internal one, so such a node has both.
func addressesOf(nodes []*corev1.Node, families []corev1.IPFamily) (all []string) {
	for _, n := range nodes {
		external := ofKind(corev1.NodeExternalIP, n, families)
		all = append(all, external...)
		if len(external) == 0 || n.Annotations[addresses.BehindNAT] != "" {
			all = append(all, ofKind(corev1.NodeInternalIP, n, families)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func ofKind(kind corev1.NodeAddressType, n *corev1.Node, families []corev1.IPFamily) (all []string) {
	for _, a := range n.Status.Addresses {
		if a.Type == kind && isOf(families, a.Address) {
			all = append(all, a.Address)
		}
	}
	return all
}

func isOf(families []corev1.IPFamily, address string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	family := corev1.IPv6Protocol
	if ip.Is4() {
		family = corev1.IPv4Protocol
	}
	return slices.Contains(families, family)
}
