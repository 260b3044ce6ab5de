package networkpolicy

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	networkingv1 "k8s.io/api/networking/v1"
)

// A wire is a node with a bridge, pods at it, and a machine behind the node, each a network of its own in this kernel.
type wire struct {
	t    *testing.T
	node string
}

const (
	webIP, clientIP, otherIP = "10.64.0.2", "10.64.0.3", "10.64.0.4"
	outsideIP                = "10.64.1.2"
	serviceIP                = "10.64.9.9" // leads to web
)

func newWire(t *testing.T) *wire {
	for _, program := range []string{"nft", "ip"} {
		if _, err := exec.LookPath(program); err != nil || os.Getuid() != 0 {
			t.Skip("needs root, nft and ip: rules are tried in the kernel")
		}
	}
	w := &wire{t, fmt.Sprintf("policy-%d", os.Getpid())}
	w.add(w.node)
	w.ip("-n", w.node, "link", "add", "cni0", "type", "bridge")
	w.ip("-n", w.node, "addr", "add", "10.64.0.1/24", "dev", "cni0")
	w.ip("-n", w.node, "link", "set", "cni0", "up")
	w.inside(w.node, func() {
		for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables"} {
			w.must(os.WriteFile("/proc/sys/"+name, []byte("1"), 0o644))
		}
	})
	for _, ip := range []string{webIP, clientIP, otherIP, outsideIP} {
		w.attach(ip)
	}
	w.nft(`table ip services {
		chain prerouting { type nat hook prerouting priority dstnat; ip daddr ` + serviceIP + ` dnat to ` + webIP + `; }
		chain postrouting { type nat hook postrouting priority srcnat; ip saddr ` + webIP + ` ip daddr ` + webIP + ` masquerade; }
	}`)
	return w
}

func (w *wire) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *wire) ip(args ...string) {
	w.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		w.t.Fatalf("ip %s: %s", strings.Join(args, " "), out)
	}
}

func (w *wire) add(namespace string) {
	w.ip("netns", "add", namespace)
	w.t.Cleanup(func() { w.ip("netns", "del", namespace) })
	w.ip("-n", namespace, "link", "set", "lo", "up")
}

func (w *wire) name(ip string) string {
	return w.node + "-" + strings.ReplaceAll(strings.TrimPrefix(ip, "10.64."), ".", "-")
}

// attach makes the network of an address: at the bridge, or behind the node.
func (w *wire) attach(ip string) {
	own, gateway := w.name(ip), ip[:strings.LastIndex(ip, ".")]+".1"
	end := "v" + strings.ReplaceAll(ip, ".", "")
	w.add(own)
	w.inside(own, func() { w.must(os.WriteFile("/proc/sys/net/ipv6/conf/default/accept_dad", []byte("0"), 0o644)) })
	w.ip("link", "add", end, "netns", w.node, "type", "veth", "peer", "name", "eth0", "netns", own)
	if gateway == "10.64.0.1" {
		w.ip("-n", w.node, "link", "set", end, "master", "cni0")
		w.must(exec.Command("ip", "netns", "exec", w.node, "sh", "-c", "echo 1 >/sys/class/net/"+end+"/brport/hairpin_mode").Run())
	} else {
		w.ip("-n", w.node, "addr", "add", gateway+"/24", "dev", end)
	}
	w.ip("-n", w.node, "link", "set", end, "up")
	w.ip("-n", own, "addr", "add", ip+"/24", "dev", "eth0")
	w.ip("-n", own, "link", "set", "eth0", "up")
	w.ip("-n", own, "route", "add", "default", "via", gateway)
	for _, port := range []string{"80", "81", "90"} {
		w.inside(own, func() {
			l, err := net.Listen("tcp", ":"+port) // of IPv6, too
			w.must(err)
			w.t.Cleanup(func() { _ = l.Close() })
			go echo(l)
		})
	}
}

// echo gives back what it is sent, connection by connection.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			b := make([]byte, 16)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				_, _ = c.Write(b[:n])
			}
		}()
	}
}

// inside runs do in a network. What it opens stays there, and so do the programs that it starts.
func (w *wire) inside(namespace string, do func()) {
	w.t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		f, err := os.Open("/var/run/netns/" + namespace)
		if err == nil {
			err = unix.Setns(int(f.Fd()), unix.CLONE_NEWNET)
			_ = f.Close()
		}
		if err != nil {
			w.t.Error(err)
			return
		}
		do()
	}()
	<-done
	if w.t.Failed() {
		w.t.FailNow()
	}
}

func (w *wire) nft(script string) {
	w.t.Helper()
	w.inside(w.node, func() {
		cmd := exec.Command("nft", "-f", "-")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			w.t.Errorf("nft: %s", out)
		}
	})
}

// linkLocal is where one pod finds another besides: each network card has such an address.
func (w *wire) linkLocal(from, to string) string {
	w.t.Helper()
	var address string
	var card int
	for _, ip := range []string{from, to} {
		w.inside(w.name(ip), func() {
			eth0, err := net.InterfaceByName("eth0")
			if err != nil {
				w.t.Error(err)
				return
			}
			all, err := eth0.Addrs()
			if err != nil {
				w.t.Error(err)
			}
			for _, a := range all {
				if n, ok := a.(*net.IPNet); ok && n.IP.To4() == nil {
					address = n.IP.String()
				}
			}
			if ip == from {
				card = eth0.Index
			}
		})
	}
	return fmt.Sprintf("[%s%%%d]:80", address, card)
}

// enforce makes these policies those of the cluster.
func (w *wire) enforce(policies ...*networkingv1.NetworkPolicy) {
	w.t.Helper()
	c := clusterOf(policies, pod("web", webIP, withWebPort), pod("client", clientIP), pod("third/other", otherIP))
	w.inside(w.node, func() {
		nft, err := connect()
		if err == nil {
			e := newEnforcer(Options{}, nil, nil)
			e.nft = nft
			err = e.apply(w.t.Context(), c)
		}
		if err != nil {
			w.t.Error(err)
		}
	})
}

// dial connects from a network to an address; the node's own is "node".
func (w *wire) dial(from, to string, patience time.Duration) (c net.Conn, err error) {
	namespace := w.node
	if from != "node" {
		namespace = w.name(from)
	}
	w.inside(namespace, func() { c, err = net.DialTimeout("tcp", to, patience) })
	return c, err
}

// reaches and cannotReach tell which connections work: "FROM TO" with the port.
func (w *wire) reaches(pairs ...string) {
	w.t.Helper()
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, " ")
		c, err := w.dial(from, to, 10*time.Second)
		if err != nil {
			w.t.Errorf("%s is not allowed: %v", pair, err)
			continue
		}
		_ = c.Close()
	}
}

func (w *wire) cannotReach(pairs ...string) {
	w.t.Helper()
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, " ")
		if c, err := w.dial(from, to, 300*time.Millisecond); err == nil {
			_ = c.Close()
			w.t.Errorf("%s is allowed", pair)
		}
	}
}

func TestTheKernelDecides(t *testing.T) {
	w := newWire(t)
	web, client, other, outside, service := webIP+":80", clientIP+":80", otherIP+":80", outsideIP+":80", serviceIP+":80"
	p := func(spec string) *networkingv1.NetworkPolicy { return policy(t, "p", spec) }

	w.reaches(clientIP+" "+web, otherIP+" "+web, outsideIP+" "+web, clientIP+" "+service, webIP+" "+service, "node "+web, webIP+" "+outside)
	aside := w.linkLocal(clientIP, webIP)
	w.reaches(clientIP + " " + aside)
	before, err := w.dial(clientIP, web, 10*time.Second)
	w.must(err)
	defer before.Close()

	t.Log("no pod of the namespace is reached, but by its node and by itself; all reach out")
	w.enforce(p(`podSelector: {}`))
	w.cannotReach(clientIP+" "+web, clientIP+" "+service, otherIP+" "+web, outsideIP+" "+web, clientIP+" "+aside)
	w.reaches("node "+web, webIP+" "+service, webIP+" "+outside, webIP+" "+other, clientIP+" "+outside)
	_, err = before.Write([]byte("still"))
	w.must(err)
	_, err = before.Read(make([]byte, 16))
	w.must(err)

	t.Log("pods by label, at one port")
	w.enforce(p(`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]}`))
	w.reaches(clientIP+" "+web, clientIP+" "+service, otherIP+" "+client)
	w.cannotReach(clientIP+" "+webIP+":81", otherIP+" "+web, outsideIP+" "+web)

	t.Log("pods by the labels of their namespaces")
	w.enforce(p(`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: team, operator: DoesNotExist}]}}]}]}`))
	w.reaches(otherIP + " " + web)
	w.cannotReach(clientIP + " " + web)

	t.Log("a range of ports, and one by its name")
	w.enforce(p(`{podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: web}, {port: 85, endPort: 95}]}]}`))
	w.reaches(clientIP+" "+web, outsideIP+" "+webIP+":90")
	w.cannotReach(clientIP + " " + webIP + ":81")

	t.Log("blocks of addresses")
	w.enforce(p(`{podSelector: {matchLabels: {app: web}}, ingress: [{from: [{ipBlock: {cidr: 10.64.0.0/16, except: [10.64.0.0/24]}}]}]}`))
	w.reaches(outsideIP + " " + web)
	w.cannotReach(clientIP+" "+web, otherIP+" "+web)

	t.Log("no pod of the namespace reaches out, but its node and itself")
	w.enforce(p(`{podSelector: {}, policyTypes: [Egress]}`))
	w.cannotReach(clientIP+" "+web, clientIP+" "+outside, webIP+" "+other)
	w.reaches(otherIP+" "+web, outsideIP+" "+web, webIP+" "+service)

	t.Log("out to pods by label, and a block of addresses at one port")
	w.enforce(p(`{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: web}]},
		{to: [{ipBlock: {cidr: 10.64.1.0/24}}], ports: [{port: 90}]}]}`))
	w.reaches(clientIP+" "+web, clientIP+" "+service, clientIP+" "+outsideIP+":90")
	w.cannotReach(clientIP+" "+webIP+":81", clientIP+" "+outside, clientIP+" "+other)

	t.Log("both ends have to allow it")
	out := policy(t, "out", `{podSelector: {matchLabels: {app: client}}, policyTypes: [Egress], egress: [{}]}`)
	w.enforce(out, p(`podSelector: {matchLabels: {app: web}}`))
	w.cannotReach(clientIP + " " + web)
	w.reaches(clientIP + " " + outside)
	w.enforce(out, p(`{podSelector: {matchLabels: {app: web}}, ingress: [{}]}`))
	w.reaches(clientIP+" "+web, otherIP+" "+web)

	t.Log("no policies, no rules")
	w.enforce()
	w.reaches(clientIP+" "+aside, clientIP+" "+web, otherIP+" "+web, outsideIP+" "+web)
	w.inside(w.node, func() {
		if out, err := exec.Command("nft", "list", "tables").CombinedOutput(); err != nil || strings.Contains(string(out), Table) {
			t.Errorf("%s, %v; want no table of policies", out, err)
		}
	})
}
