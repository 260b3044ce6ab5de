package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"

	"k3os.io/kube/internal/apinode"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/logging"
	"k3os.io/kube/internal/loop"
	"k3os.io/kube/internal/machine"
	"k3os.io/kube/internal/memory"
	"k3os.io/kube/internal/overlay"
	"k3os.io/kube/internal/parts"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/stage"
	"k3os.io/kube/internal/supervisor"
)

// JoiningFile says why this machine has not joined its cluster yet. It is there only as long as it has not.
const JoiningFile = "/run/k3s/joining"

// renewEvery is how often the certificates of a node that is never restarted are looked at.
const renewEvery = 12 * time.Hour

// refreshEvery is how often a node asks which servers there are.
const refreshEvery = time.Minute

// retryRenewal is how long a renewal that failed waits.
const retryRenewal = 5 * time.Minute

// retryOverlay is how long flannel waits before it tries to start again.
const retryOverlay = 5 * time.Second

// Run runs a node of a cluster whose servers are elsewhere, until ctx ends, which is no error, or a part of it cannot
// go on. Pods keep running either way.
func Run(ctx context.Context, cfg config.Agent) error {
	stage.Reached(stage.ProcessStart)
	settle := memory.Start()
	host, err := machine.Check(cfg.Node, true)
	if err != nil {
		return err
	}
	balancer, err := (&net.ListenConfig{}).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", fmt.Sprint(cfg.LBServerPort)))
	if err != nil {
		return fmt.Errorf("port %d of this machine, for its own connections to the API, is taken: choose another one with"+
			" --lb-server-port: %w", cfg.LBServerPort, err)
	}
	defer balancer.Close()
	membership, err := join.New(cfg, host.NodeName, host.NodeIPs, "https://"+balancer.Addr().String())
	if err != nil {
		return err
	}
	cluster, err := membership.Join(ctx, TellJoining)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	HaveJoined()
	stage.Reached(stage.Joined)
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	w, err := newWorker(cfg, host, membership, cluster)
	if err != nil {
		return err
	}
	return parts.Run(ctx, append(w.node.Parts(), w.parts(balancer, settle)...), logging.Stopping)
}

// TellJoining tells the log, whoever looks at the machine's console, and `k3os status`.
func TellJoining(reason string) {
	line := "k3s: not joined yet: " + reason + "\n"
	fmt.Fprint(os.Stderr, line)
	if err := errors.Join(writeConsole(line), files.Write(JoiningFile, []byte(reason+"\n"), 0o644)); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
	}
}

// HaveJoined takes back what TellJoining has told `k3os status`.
func HaveJoined() {
	if err := os.Remove(JoiningFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
	}
}

func writeConsole(line string) error {
	console, err := os.OpenFile("/dev/console", os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	_, err = console.WriteString(strings.ReplaceAll(line, "\n", "\r\n"))
	return errors.Join(err, console.Close())
}

// A worker is a node that is no server.
type worker struct {
	cfg        config.Agent
	host       machine.Facts
	membership *join.Membership
	cluster    supervisor.ClusterConfig
	node       *Node
	client     kubernetes.Interface // as the kubelet
	ready      *parts.Mark
}

func newWorker(cfg config.Agent, host machine.Facts, membership *join.Membership, cluster supervisor.ClusterConfig) (*worker, error) {
	pods := cluster.ClusterIPRange.String()
	network, err := NewNetwork(NetworkOptions{
		ClusterCIDR: pods, Backend: cluster.FlannelBackend, FlannelConf: cfg.FlannelConf, CNIConf: cfg.FlannelCNIConf,
		AgentDir: cfg.AgentDir(), BinDirs: cfg.CNIBinDirs, LinkMTU: LinkMTU(cfg.FlannelIface, host.IPv4()),
	})
	if err != nil {
		return nil, err
	}
	client, err := clientOf(membership.Kubeconfig(pki.Kubelet))
	if err != nil {
		return nil, err
	}
	dns, _ := netip.AddrFromSlice(cluster.ClusterDNS)
	ready := parts.NewMark(stage.NodeReady)
	joined := make(chan struct{})
	close(joined)
	return &worker{cfg, host, membership, cluster, &Node{
		Config: cfg.Node, Name: host.NodeName, IPs: host.NodeIPs,
		Network: network, ClusterCIDR: pods, Credentials: membership,
		ClusterDNS: dns.Unmap(), ClusterDomain: cluster.ClusterDomain, ServesDNS: cluster.ServesDNS,
		KubeProxy: !cluster.DisableKubeProxy, EnforcesPolicies: !cluster.DisableNPC, APIReady: joined, Settled: ready.Reached(),
	}, client, ready}, nil
}

func clientOf(kubeconfig string) (kubernetes.Interface, error) {
	c, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(c)
}

func (w *worker) parts(balancer net.Listener, settle func()) []parts.Part {
	ranged := parts.NewMark("")
	all := []parts.Part{
		{Name: "load balancer", Tier: parts.API, Run: func(ctx context.Context) error {
			return w.membership.Balancer().Run(ctx, balancer)
		}},
		{Name: "credentials", Tier: parts.API, Run: w.keepCredentials},
		{Name: "servers", Tier: parts.Clients, Run: w.followServers},
		{Name: "node", Tier: parts.Clients, Ends: true, Run: func(ctx context.Context) error { return w.awaitReady(ctx, settle) }},
		{Name: "pod range", Tier: parts.Clients, Ends: true, Run: func(ctx context.Context) error {
			err := FollowPodCIDR(ctx, w.client, w.host.NodeName, w.node.Network)
			ranged.Reach()
			return err
		}},
	}
	return append(all, parts.Part{Name: "overlay", Tier: parts.Clients, Ends: true, After: []<-chan struct{}{ranged.Reached()},
		Run: func(ctx context.Context) error {
			return ConnectNodes(ctx, w.membership, w.host, w.cfg.Node, w.node.Network, w.cluster.FlannelExternalIP)
		}})
}

// ConnectNodes connects the pods of this node with those of others until ctx ends, at the external addresses of nodes
// if atExternal. What keeps it from doing so is told, and tried again: a node whose pods reach no other node is worth
// more than none. It returns at once if that is the matter of the user's CNI plugin.
func ConnectNodes(
	ctx context.Context, c Credentials, host machine.Facts, cfg config.Node, network PodNetwork, atExternal bool,
) error {
	flannel, isOurs := network.Overlay()
	if !isOurs {
		return nil
	}
	options := overlay.Options{
		Kubeconfig: c.Kubeconfig(pki.Kubelet), NodeName: host.NodeName, NodeIP: host.IPv4(), Interface: cfg.FlannelIface,
		Config: flannel,
	}
	if atExternal {
		options.ExternalIP = machine.FirstIPv4(parseIPs(cfg.NodeExternalIP))
	}
	for {
		err := overlay.Run(ctx, options)
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "k3s: the pods of this node cannot reach those of others: %v\n", err)
		if !loop.Pause(ctx, retryOverlay) {
			return nil
		}
	}
}

func parseIPs(addresses []string) (ips []net.IP) {
	for _, a := range addresses {
		ips = append(ips, net.ParseIP(a))
	}
	return ips
}

// keepCredentials renews certificates long before they expire.
func (w *worker) keepCredentials(ctx context.Context) error {
	for pause := time.Duration(0); loop.Pause(ctx, pause); {
		written, err := w.membership.Ensure()
		pause = renewEvery
		if err != nil {
			pause = retryRenewal
			fmt.Fprintf(os.Stderr, "k3s: cannot renew certificates: %v\n", err)
		} else if len(written) > 0 {
			fmt.Fprintf(os.Stderr, "k3s: renewed the certificates %v\n", written)
		}
	}
	return nil
}

// followServers keeps the list of servers for the load balancer, and for the next start.
func (w *worker) followServers(ctx context.Context) error {
	var reasons loop.Reasons
	for loop.Pause(ctx, refreshEvery) {
		err := w.membership.Refresh(ctx)
		if reasons.IsNew(err) && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot ask which servers there are: %v\n", err)
		}
	}
	return nil
}

// awaitReady reports when the node is Ready for the first time.
func (w *worker) awaitReady(ctx context.Context, settle func()) error {
	defer settle()
	_, err := watchtools.UntilWithSync(ctx, Watcher(w.client, w.host.NodeName), &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		return ok && e.Type != watch.Deleted && apinode.IsReady(node), nil
	})
	if err == nil {
		w.ready.Reach()
	}
	return nil
}
