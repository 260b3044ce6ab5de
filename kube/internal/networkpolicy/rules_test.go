package networkpolicy

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/knftables"
	"sigs.k8s.io/yaml"
)

// policy reads the spec of a policy of the namespace default.
func policy(t *testing.T, name, spec string) *networkingv1.NetworkPolicy {
	t.Helper()
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
	if err := yaml.UnmarshalStrict([]byte(spec), &p.Spec); err != nil {
		t.Fatal(err)
	}
	return p
}

// pod is one of the node `here`, with the labels app=NAME, in the namespace default unless the name has one.
func pod(name, ip string, change ...func(*corev1.Pod)) *corev1.Pod {
	namespace, short, ok := strings.Cut(name, "/")
	if !ok {
		namespace, short = "default", name
	}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: short, Labels: map[string]string{"app": short}},
		Spec:       corev1.PodSpec{NodeName: "here"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if ip != "" {
		p.Status.PodIPs = []corev1.PodIP{{IP: ip}}
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func elsewhere(p *corev1.Pod)   { p.Spec.NodeName = "there" }
func ofTheHost(p *corev1.Pod)   { p.Spec.HostNetwork = true }
func over(p *corev1.Pod)        { p.Status.Phase = corev1.PodSucceeded }
func young(p *corev1.Pod)       { p.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)) }
func withWebPort(p *corev1.Pod) { withPort("web", 80, "")(p) }

func withPort(name string, number int32, protocol corev1.Protocol) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers,
			corev1.Container{Ports: []corev1.ContainerPort{{Name: name, ContainerPort: number, Protocol: protocol}}})
	}
}

func clusterOf(policies []*networkingv1.NetworkPolicy, pods ...*corev1.Pod) cluster {
	return cluster{"here", "cni0", policies, pods, map[string]labels.Set{
		"default": {"team": "a"}, "other": {"team": "b"}, "third": {},
	}}
}

// rules are the chains of the policies as nft lists them: what decides about a packet, in order, set by set.
func rules(t *testing.T, c cluster) (of func(chain string) []string, elements func(set string) []string) {
	t.Helper()
	nft := knftables.NewFake(knftables.InetFamily, Table)
	tx := nft.NewTransaction()
	c.write(tx)
	if err := nft.Run(context.Background(), tx); err != nil {
		t.Fatalf("%v in\n%s", err, tx)
	}
	of = func(chain string) (lines []string) {
		found, err := nft.ListRules(context.Background(), chain)
		if err != nil {
			t.Fatalf("chain %s: %v in\n%s", chain, err, nft.Dump())
		}
		for _, r := range found {
			lines = append(lines, r.Rule)
		}
		return lines
	}
	elements = func(set string) (lines []string) {
		kind := "set"
		if set == "ingress" || set == "egress" {
			kind = "map"
		}
		found, err := nft.ListElements(context.Background(), kind, set)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range found {
			lines = append(lines, strings.Join(e.Key, " . "))
		}
		return lines
	}
	return of, elements
}

// allowed are the rules of the policy `p` with the elements of their sets, one a line.
func allowed(t *testing.T, direction, spec string, pods ...*corev1.Pod) string {
	t.Helper()
	of, elements := rules(t, clusterOf([]*networkingv1.NetworkPolicy{policy(t, "p", spec)}, pods...))
	var lines []string
	for _, rule := range of(direction + "-" + digest("default", "p")) {
		words := strings.Fields(rule)
		for i, w := range words {
			if strings.HasPrefix(w, "@") {
				words[i] = "{" + strings.Join(elements(w[1:]), ", ") + "}"
			}
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

func TestWhatAPolicyAllows(t *testing.T) {
	pods := []*corev1.Pod{
		pod("web", "10.42.0.2", withWebPort), pod("client", "10.42.0.3"), pod("far", "10.42.1.2", elsewhere, withPort("web", 8080, "TCP")),
		pod("other/client", "10.42.1.3", elsewhere, withPort("web", 53, "UDP")), pod("third/client", "10.42.0.4"),
		pod("host", "192.168.1.2", ofTheHost, withWebPort), pod("done", "10.42.0.9", over, withWebPort), pod("starts", ""),
	}
	for _, tt := range []struct{ name, direction, spec, want string }{
		{"nothing", "ingress", `podSelector: {}`, ""},
		{"everything", "ingress", `{podSelector: {}, ingress: [{}]}`, "accept"},
		{"everything out", "egress", `{podSelector: {}, egress: [{}]}`, "accept"},
		{
			"pods of its own namespace by label", "ingress",
			`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}`,
			"ip saddr {10.42.0.3} accept",
		},
		{
			"all pods of its own namespace, but none with the host's network, and none that is over", "egress",
			`{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}`,
			"ip daddr {10.42.0.2, 10.42.0.3, 10.42.1.2} accept",
		},
		{
			"all pods of namespaces by label", "ingress",
			`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: b}}}]}]}`,
			"ip saddr {10.42.1.3} accept",
		},
		{
			"pods by label of all namespaces", "ingress",
			`{podSelector: {}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: client}}}]}]}`,
			"ip saddr {10.42.0.3, 10.42.0.4, 10.42.1.3} accept",
		},
		{
			"pods of namespaces by expression", "ingress",
			`{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}]}]}`,
			"ip saddr {10.42.0.4} accept",
		},
		{
			"no pod that there is", "ingress",
			`{podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: nobody}}}]}]}`, "",
		},
		{
			"blocks of addresses with exceptions, as they overlap, and none of IPv6", "egress",
			`{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 10.0.0.1/8, except: [10.1.0.0/16, 10.1.2.0/24]}},
			   {ipBlock: {cidr: 0.0.0.0/0, except: [192.168.0.0/16]}}, {ipBlock: {cidr: "fd00::/8"}}]}]}`,
			"ip daddr 10.0.0.0/8 ip daddr != 10.1.0.0/16 ip daddr != 10.1.2.0/24 accept\nip daddr != 192.168.0.0/16 accept",
		},
		{"every address", "egress", `{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`, "accept"},
		{"addresses of IPv6 alone", "egress", `{podSelector: {}, egress: [{to: [{ipBlock: {cidr: "::/0"}}]}]}`, ""},
		{
			"ports", "ingress",
			`{podSelector: {}, ingress: [{ports: [{port: 80}, {protocol: UDP, port: 1000, endPort: 2000}, {protocol: SCTP}]}]}`,
			"tcp dport 80 accept\nudp dport 1000-2000 accept\nmeta l4proto sctp accept",
		},
		{
			"each peer at each port", "ingress",
			`{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchLabels: {app: web}}}],
			   ports: [{port: 1}, {port: 2}]}]}`,
			"ip saddr 10.0.0.0/8 tcp dport 1 accept\nip saddr 10.0.0.0/8 tcp dport 2 accept\n" +
				"ip saddr {10.42.0.2} tcp dport 1 accept\nip saddr {10.42.0.2} tcp dport 2 accept",
		},
		{
			"ports by the names that its own pods give them", "ingress", `{podSelector: {}, ingress: [{ports: [{port: web}]}]}`,
			"ip daddr . tcp dport {10.42.0.2 . 80} accept",
		},
		{
			"ports by the names that the pods give them which it leads to", "egress",
			`{podSelector: {}, egress: [{ports: [{port: web}, {port: web, protocol: UDP}]}]}`,
			"ip daddr . tcp dport {10.42.0.2 . 80, 10.42.1.2 . 8080} accept\nip daddr . udp dport {10.42.1.3 . 53} accept",
		},
		{"a port that no pod has", "ingress", `{podSelector: {}, ingress: [{ports: [{port: metrics}]}]}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := allowed(t, tt.direction, tt.spec, pods...); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestWhichPodsAreIsolated(t *testing.T) {
	pods := []*corev1.Pod{
		pod("web", "10.42.0.2"), pod("client", "10.42.0.3"), pod("far", "10.42.1.2", elsewhere), pod("other/web", "10.42.0.5"),
		pod("host", "192.168.1.2", ofTheHost), pod("done", "10.42.0.3", over), pod("starts", ""),
	}
	for _, tt := range []struct{ name, spec, ingress, egress string }{
		{"those of its namespace on this node", `podSelector: {}`, "10.42.0.2 10.42.0.3", ""},
		{"those with a label", `podSelector: {matchLabels: {app: web}}`, "10.42.0.2", ""},
		{"in the direction of its rules", `{podSelector: {matchLabels: {app: web}}, egress: [{}]}`, "10.42.0.2", "10.42.0.2"},
		{"in the directions that it names", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}`, "", "10.42.0.2"},
		{"none, where it selects none", `podSelector: {matchLabels: {app: nobody}}`, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, elements := rules(t, clusterOf([]*networkingv1.NetworkPolicy{policy(t, "p", tt.spec)}, pods...))
			ingress, egress := strings.Join(elements("ingress"), " "), strings.Join(elements("egress"), " ")
			if ingress != tt.ingress || egress != tt.egress {
				t.Errorf("ingress %q, egress %q; want %q, %q", ingress, egress, tt.ingress, tt.egress)
			}
		})
	}
}

func TestPoliciesAddUp(t *testing.T) {
	policies := []*networkingv1.NetworkPolicy{
		policy(t, "web", `{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}`), policy(t, "all", `podSelector: {}`),
	}
	of, elements := rules(t, clusterOf(policies, pod("web", "10.42.0.2"), pod("client", "10.42.0.3"), pod("client2", "10.42.0.4")))
	all, web := "jump ingress-"+digest("default", "all"), "jump ingress-"+digest("default", "web")
	if got := of("ingress-pod-" + digest(all, web)); strings.Join(got, "\n") != all+"\n"+web+"\ndrop" {
		t.Errorf("chain of web: %q; want both policies, and the end", got)
	}
	if got := of("ingress-pod-" + digest(all)); strings.Join(got, "\n") != all+"\ndrop" {
		t.Errorf("chain of the clients: %q; want one policy, and the end", got)
	}
	if got := elements("self"); len(got) != 3 || got[0] != "10.42.0.2 . 10.42.0.2" {
		t.Errorf("self %q; want each pod with itself", got)
	}
}

func TestOneAddressBelongsToTheYoungestPod(t *testing.T) {
	only := policy(t, "p", `podSelector: {matchLabels: {app: old}}`)
	for _, pods := range [][]*corev1.Pod{
		{pod("old", "10.42.0.2"), pod("new", "10.42.0.2", young)}, {pod("a-new", "10.42.0.2", young), pod("old", "10.42.0.2")},
	} {
		if _, elements := rules(t, clusterOf([]*networkingv1.NetworkPolicy{only}, pods...)); len(elements("ingress")) > 0 {
			t.Errorf("%s is isolated for the pod that had its address before", pods[0].Name)
		}
	}
}
