package networkpolicy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/knftables"
)

// Table is nftables' table of the rules, of the family inet.
const Table = "k3os-policies"

// A cluster is what the rules follow from.
type cluster struct {
	node       string // whose pods they are about
	bridge     string // that its pods are at
	policies   []*networkingv1.NetworkPolicy
	pods       []*corev1.Pod
	namespaces map[string]labels.Set
}

// A direction is one of the two in which a pod can be isolated.
type direction struct {
	name     string
	of       networkingv1.PolicyType
	own      string // the header's field that has the isolated pod
	peer     string // and the other end
	priority knftables.BaseChainPriority
}

// Each direction has a base chain of its own, so that an `accept` in the first one leaves the packet to the second.
var directions = []direction{
	{"egress", networkingv1.PolicyTypeEgress, "ip saddr", "ip daddr", knftables.FilterPriority},
	{"ingress", networkingv1.PolicyTypeIngress, "ip daddr", "ip saddr", knftables.FilterPriority + "+1"},
}

// betweenPods are the packets by which pods at one bridge would reach each other beside the addresses that policies are
// about: each network card of Linux has a link-local one.
func (c cluster) betweenPods() string {
	return fmt.Sprintf("meta nfproto ipv6 iifname %q oifname %q", c.bridge, c.bridge)
}

// A ruleset is being written into a transaction.
type ruleset struct {
	cluster
	tx   *knftables.Transaction
	ips  map[*corev1.Pod][]string
	sets map[string]bool
	self map[string]bool // addresses of isolated pods
}

// write replaces the table in one step. Packets from the node itself to its pods, and back, come by no forward hook:
// they are allowed whatever policies say, as Kubernetes has it. Those that a bridge forwards do, by br_netfilter.
func (c cluster) write(tx *knftables.Transaction) {
	remove(tx)
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("NetworkPolicies")})
	r := &ruleset{c, tx, map[*corev1.Pod][]string{}, map[string]bool{}, map[string]bool{}}
	for _, pod := range r.pods {
		r.ips[pod] = addresses(pod)
	}
	slices.SortFunc(r.policies, byName)
	slices.SortFunc(r.pods, byName)
	local := r.localPods()
	tx.Add(&knftables.Set{Name: "self", Type: "ipv4_addr . ipv4_addr", Comment: knftables.PtrTo("a pod reaches itself")})
	for _, d := range directions {
		tx.Add(&knftables.Map{Name: d.name, Type: "ipv4_addr : verdict"})
		tx.Add(&knftables.Chain{Name: d.name, Type: knftables.PtrTo(knftables.FilterType),
			Hook: knftables.PtrTo(knftables.ForwardHook), Priority: knftables.PtrTo(d.priority)})
		for _, rule := range []string{"ct state established,related accept", "ip saddr . ip daddr @self accept", d.own + " vmap @" + d.name} {
			tx.Add(&knftables.Rule{Chain: d.name, Rule: rule})
		}
		r.isolate(d, local)
	}
	if len(r.self) > 0 {
		tx.Add(&knftables.Rule{Chain: directions[0].name, Rule: c.betweenPods() + " drop"})
	}
}

func remove(tx *knftables.Transaction) {
	tx.Add(&knftables.Table{}) // or there may be none to delete
	tx.Delete(&knftables.Table{})
}

func byName[T metav1.Object](a, b T) int {
	return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
}

// localPods are the node's, by address.
func (r *ruleset) localPods() map[string]*corev1.Pod {
	local := map[string]*corev1.Pod{}
	for _, pod := range r.pods {
		if pod.Spec.NodeName != r.node {
			continue
		}
		for _, ip := range r.ips[pod] {
			// Two have one address while the end of the former is not told yet.
			if other := local[ip]; other == nil || other.CreationTimestamp.Before(&pod.CreationTimestamp) {
				local[ip] = pod
			}
		}
	}
	return local
}

// addresses are those that are the pod's alone. One with the host's network has none, and neither has one that is over.
func addresses(pod *corev1.Pod) (ips []string) {
	if pod.Spec.HostNetwork || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	for _, ip := range pod.Status.PodIPs {
		if a, err := netip.ParseAddr(ip.IP); err == nil && a.Is4() {
			ips = append(ips, a.String())
		}
	}
	return ips
}

// isolate leads the packets of each local pod that policies are about to a chain, which pods with the same policies
// share: it tries one policy after the other, and drops what none allows.
func (r *ruleset) isolate(d direction, local map[string]*corev1.Pod) {
	chains := map[string]bool{}
	of := map[string][]*networkingv1.NetworkPolicy{}
	for _, p := range r.policies {
		if !isolates(p, d.of) {
			continue
		}
		selector := selectorOf(&p.Spec.PodSelector)
		var selected []*corev1.Pod
		for _, ip := range slices.Sorted(maps.Keys(local)) {
			if pod := local[ip]; pod.Namespace == p.Namespace && selector.Matches(labels.Set(pod.Labels)) {
				of[ip] = append(of[ip], p)
				selected = append(selected, pod)
			}
		}
		if len(selected) > 0 {
			r.writePolicy(d, p, selected)
		}
	}
	for _, ip := range slices.Sorted(maps.Keys(of)) {
		var jumps []string
		for _, p := range of[ip] {
			jumps = append(jumps, "jump "+chainOf(d, p))
		}
		chain := d.name + "-pod-" + digest(jumps...)
		if !chains[chain] {
			chains[chain] = true
			r.tx.Add(&knftables.Chain{Name: chain})
			for _, rule := range append(jumps, "drop") {
				r.tx.Add(&knftables.Rule{Chain: chain, Rule: rule})
			}
		}
		r.tx.Add(&knftables.Element{Map: d.name, Key: []string{ip}, Value: []string{"goto " + chain}})
		if !r.self[ip] {
			r.self[ip] = true
			r.tx.Add(&knftables.Element{Set: "self", Key: []string{ip, ip}})
		}
	}
}

func isolates(p *networkingv1.NetworkPolicy, t networkingv1.PolicyType) bool {
	if len(p.Spec.PolicyTypes) == 0 { // the API fills them in
		return t == networkingv1.PolicyTypeIngress || len(p.Spec.Egress) > 0
	}
	return slices.Contains(p.Spec.PolicyTypes, t)
}

func chainOf(d direction, p *networkingv1.NetworkPolicy) string {
	return d.name + "-" + digest(p.Namespace, p.Name)
}

// writePolicy writes the chain that accepts what a policy allows of the pods that it selects on this node.
func (r *ruleset) writePolicy(d direction, p *networkingv1.NetworkPolicy, selected []*corev1.Pod) {
	chain := chainOf(d, p)
	comment := p.Namespace + "/" + p.Name
	r.tx.Add(&knftables.Chain{Name: chain, Comment: knftables.PtrTo(comment[:min(len(comment), knftables.CommentLengthMax)])})
	allow := func(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort, receivers []*corev1.Pod) {
		for _, from := range r.peerMatches(d, p.Namespace, peers) {
			for _, to := range r.portMatches(ports, receivers) {
				rule := slices.DeleteFunc([]string{from, to, "accept"}, func(s string) bool { return s == "" })
				r.tx.Add(&knftables.Rule{Chain: chain, Rule: strings.Join(rule, " ")})
			}
		}
	}
	if d.of == networkingv1.PolicyTypeIngress {
		for _, rule := range p.Spec.Ingress {
			allow(rule.From, rule.Ports, selected)
		}
		return
	}
	for _, rule := range p.Spec.Egress {
		allow(rule.To, rule.Ports, r.pods)
	}
}

// peerMatches are the expressions of which one has to match; "" always does.
func (r *ruleset) peerMatches(d direction, namespace string, peers []networkingv1.NetworkPolicyPeer) (all []string) {
	if len(peers) == 0 {
		return []string{""}
	}
	pods := map[string]bool{}
	for _, peer := range peers {
		if peer.IPBlock != nil {
			if match, ok := blockMatch(d.peer, peer.IPBlock); ok {
				all = append(all, match)
			}
			continue
		}
		isPeer := r.peerSelector(peer, namespace)
		for _, pod := range r.pods {
			if isPeer(pod) {
				for _, ip := range r.ips[pod] {
					pods[ip] = true
				}
			}
		}
	}
	if len(pods) > 0 {
		all = append(all, d.peer+" @"+r.set("ipv4_addr", slices.Sorted(maps.Keys(pods))))
	}
	return all
}

// peerSelector returns what tells whether a pod is a peer of a policy in namespace.
func (r *ruleset) peerSelector(peer networkingv1.NetworkPolicyPeer, namespace string) func(*corev1.Pod) bool {
	if peer.PodSelector == nil && peer.NamespaceSelector == nil {
		return func(*corev1.Pod) bool { return false }
	}
	pods := selectorOf(peer.PodSelector)
	if peer.NamespaceSelector == nil {
		return func(pod *corev1.Pod) bool { return pod.Namespace == namespace && pods.Matches(labels.Set(pod.Labels)) }
	}
	namespaces := map[string]bool{}
	selected := selectorOf(peer.NamespaceSelector)
	for name, its := range r.namespaces {
		namespaces[name] = selected.Matches(its)
	}
	return func(pod *corev1.Pod) bool { return namespaces[pod.Namespace] && pods.Matches(labels.Set(pod.Labels)) }
}

// selectorOf is of a selector that the API has checked; nil takes everything.
func selectorOf(s *metav1.LabelSelector) labels.Selector {
	if s == nil {
		return labels.Everything()
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// blockMatch is for a block of IPv4; pods have no other addresses.
func blockMatch(field string, block *networkingv1.IPBlock) (match string, ok bool) {
	cidr, ok := prefix(block.CIDR)
	if !ok {
		return "", false
	}
	var all []string
	if cidr.Bits() > 0 {
		all = append(all, field+" "+cidr.String())
	}
	for _, e := range block.Except {
		if except, ok := prefix(e); ok {
			all = append(all, field+" != "+except.String())
		}
	}
	return strings.Join(all, " "), true
}

func prefix(cidr string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(cidr)
	return p.Masked(), err == nil && p.Addr().Is4()
}

// portMatches are the expressions of which one has to match; "" always does. receivers are the pods that ports may be
// named of.
func (r *ruleset) portMatches(ports []networkingv1.NetworkPolicyPort, receivers []*corev1.Pod) (all []string) {
	if len(ports) == 0 {
		return []string{""}
	}
	for _, port := range ports {
		protocol := corev1.ProtocolTCP
		if port.Protocol != nil {
			protocol = *port.Protocol
		}
		l4 := strings.ToLower(string(protocol))
		switch {
		case port.Port == nil:
			all = append(all, "meta l4proto "+l4)
		case port.Port.StrVal != "":
			if named := r.namedPorts(receivers, protocol, port.Port.StrVal); len(named) > 0 {
				all = append(all, "ip daddr . "+l4+" dport @"+r.set("ipv4_addr . inet_service", named))
			}
		case port.EndPort != nil:
			all = append(all, fmt.Sprintf("%s dport %d-%d", l4, port.Port.IntVal, *port.EndPort))
		default:
			all = append(all, fmt.Sprintf("%s dport %d", l4, port.Port.IntVal))
		}
	}
	return all
}

// namedPorts are the addresses and numbers of the ports with that name.
func (r *ruleset) namedPorts(pods []*corev1.Pod, protocol corev1.Protocol, name string) []string {
	found := map[string]bool{}
	for _, pod := range pods {
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			for _, port := range c.Ports {
				if port.Name != name || cmp.Or(port.Protocol, corev1.ProtocolTCP) != protocol {
					continue
				}
				for _, ip := range r.ips[pod] {
					found[fmt.Sprintf("%s . %d", ip, port.ContainerPort)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// set returns the name of the set with these elements, which rules share.
func (r *ruleset) set(kind string, elements []string) string {
	name := "set-" + digest(append([]string{kind}, elements...)...)
	if r.sets[name] {
		return name
	}
	r.sets[name] = true
	r.tx.Add(&knftables.Set{Name: name, Type: kind})
	for _, e := range elements {
		r.tx.Add(&knftables.Element{Set: name, Key: strings.Split(e, " . ")})
	}
	return name
}

// digest makes names of any length fit nftables.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:8])
}
