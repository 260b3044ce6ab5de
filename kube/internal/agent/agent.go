// Package agent is a node: container runtime, kubelet, kube-proxy and the pod network.
package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"k3os.io/kube/internal/addresses"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/containerd"
	"k3os.io/kube/internal/images"
	"k3os.io/kube/internal/localpath"
	"k3os.io/kube/internal/parts"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/stage"
)

// A Node is what one machine contributes to the cluster.
type Node struct {
	Config      config.Node
	Name        string
	IPs         []net.IP
	Network     PodNetwork
	ClusterCIDR string // of all pods
	Credentials Credentials

	ClusterDNS    netip.Addr
	ClusterDomain string
	ServesDNS     bool // a resolver for pods runs in the cluster
	KubeProxy     bool
	// EnforcesPolicies is whether NetworkPolicies are enforced here.
	EnforcesPolicies bool

	// APIReady is closed when the API answers; kubelet and kube-proxy wait for it.
	APIReady <-chan struct{}
	// Settled is closed when the node is Ready, on a server also when it was waited for long enough: what is not urgent
	// waits for it.
	Settled <-chan struct{}
}

// Credentials are where a machine gets what its components identify themselves with.
type Credentials interface {
	// Ensure makes what is missing and renews what expires soon, and names the certificates that it has written. It is
	// safe to call at any time.
	Ensure() (written []string, err error)
	// Kubeconfig is the file for a component, which is named by its certificate, such as pki.Kubelet.
	Kubeconfig(name string) string
}

// Parts are the node's. Pods outlive them.
func (n *Node) Parts() []parts.Part {
	networkConfigured, imagesLoaded := parts.NewMark(""), parts.NewMark("")
	runtime := sync.OnceValue(n.runtimeOptions)
	all := []parts.Part{
		{Name: "pod network", Tier: parts.Clients, Ends: true, Run: func(ctx context.Context) error {
			enableForwarding()
			if err := n.Network.Configure(); err != nil {
				return fmt.Errorf("cannot write the CNI configuration: %w", err)
			}
			networkConfigured.Reach()
			return n.Network.Connect(ctx)
		}},
		// A pod that starts before its image is loaded would ask a registry for it.
		{Name: "kubelet", Tier: parts.Clients, After: []<-chan struct{}{imagesLoaded.Reached(), n.APIReady},
			Run: n.runKubelet},
		{Name: "network policies", Tier: parts.Clients, Ends: true, After: []<-chan struct{}{n.APIReady}, Run: n.enforcePolicies},
		{Name: "local volumes", Tier: parts.Clients, After: []<-chan struct{}{n.APIReady, n.Settled},
			Run: func(ctx context.Context) error {
				return localpath.Serve(ctx, n.Credentials.Kubeconfig(pki.Kubelet), n.Name)
			}},
	}
	// A node that publishes addresses has none until it has told them; another one may have to take back what it
	// told.
	told := n.Settled
	if addresses.Published(n.Config) {
		told = n.APIReady
	}
	all = append(all, parts.Part{Name: "addresses", Tier: parts.Clients, Ends: true, After: []<-chan struct{}{told},
		Run: n.tellAddresses})
	if n.KubeProxy {
		all = append(all, parts.Part{Name: "kube-proxy", Tier: parts.Clients, After: []<-chan struct{}{n.APIReady},
			Run: n.runKubeProxy})
	}
	if n.Config.ContainerRuntimeEndpoint != "" {
		imagesLoaded.Reach() // whoever runs the runtime also loads its images
		return all
	}
	return append(all,
		parts.Part{Name: "containerd", Tier: parts.Clients, After: []<-chan struct{}{networkConfigured.Reached()},
			Run: func(ctx context.Context) error { return runContainerd(ctx, runtime()) }},
		parts.Part{Name: "images", Tier: parts.Clients,
			Run: func(ctx context.Context) error { return n.loadImages(ctx, runtime().Snapshotter, imagesLoaded) }},
	)
}

func (n *Node) tellAddresses(ctx context.Context) error {
	client, err := clientOf(n.Credentials.Kubeconfig(pki.Kubelet))
	if err != nil {
		return err
	}
	return addresses.Tell(ctx, client, n.Config, n.Name, n.IPs)
}

func runContainerd(ctx context.Context, o containerd.Options) error {
	configFile, err := containerd.WriteConfig(o)
	if err != nil {
		return err
	}
	return containerd.Run(ctx, configFile, filepath.Join(o.Root, "containerd.log"))
}

// loadImages loads the node's archives, reaches loaded, and follows their directory.
func (n *Node) loadImages(ctx context.Context, snapshotter string, loaded *parts.Mark) error {
	if containerd.WaitReady(ctx, containerd.Socket) != nil {
		return nil // only the end of ctx ends the wait
	}
	stage.Reached(stage.ContainerdReady)
	importer := &images.Importer{
		Dir: n.Config.AgentDir("images"), StateFile: n.Config.AgentDir("images.json"),
		Socket: containerd.Socket, Snapshotter: snapshotter,
	}
	if err := importer.ImportAll(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
	}
	loaded.Reach()
	return importer.Watch(ctx)
}

func (n *Node) runtimeOptions() containerd.Options {
	c := n.Config
	root := c.AgentDir("containerd")
	snapshotter := c.Snapshotter
	if snapshotter == "" {
		snapshotter = containerd.ChooseSnapshotter(root)
	}
	plugins := n.Network.Plugins()
	return containerd.Options{
		Root:           root,
		ConfigDir:      c.AgentDir("etc", "containerd"),
		Registries:     c.PrivateRegistry,
		MirrorsOnly:    c.DisableDefaultRegistryEndpoint,
		PauseImage:     c.PauseImage,
		Snapshotter:    snapshotter,
		Runtime:        c.DefaultRuntime,
		CNIBinDirs:     plugins.BinDirs,
		CNIConfDir:     plugins.ConfDir,
		Debug:          c.Debug,
		NonrootDevices: c.NonrootDevices,
	}
}

// hasCommand reports whether the node has a program.
func hasCommand(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
