// Package agent runs a node: container runtime, kubelet, kube-proxy and the pod network.
package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/containerd"
	"k3os.io/kube/internal/images"
	"k3os.io/kube/internal/stage"
)

// A Node is what one machine contributes to the cluster.
type Node struct {
	Config  config.Node
	Name    string
	IPs     []net.IP
	Network Network

	ClusterDNS      netip.Addr
	ClusterDomain   string
	ServesDNS       bool // a resolver for pods runs in the cluster
	KubeProxy       bool
	KubeletConfig   string // kubeconfig files
	KubeProxyConfig string

	// Ready is closed when the API answers; kubelet and kube-proxy wait for it.
	Ready <-chan struct{}
}

// Run starts everything and returns when ctx ends or a part cannot go on. Pods outlive it.
func (n *Node) Run(ctx context.Context) error {
	socket := n.Config.ContainerRuntimeEndpoint
	g, ctx := errgroup.WithContext(ctx)
	imagesLoaded := make(chan struct{})
	if err := n.Network.CheckPlugins(); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: warning: %v\n", err)
	}
	enableForwarding()
	if err := n.Network.WriteCNI(); err != nil {
		return fmt.Errorf("cannot write the CNI configuration: %w", err)
	}
	if socket == "" {
		socket = containerd.Socket
		opts := n.runtimeOptions()
		configFile, err := containerd.WriteConfig(opts)
		if err != nil {
			return err
		}
		g.Go(func() error {
			return containerd.Run(ctx, configFile, filepath.Join(opts.Root, "containerd.log"))
		})
		g.Go(func() error {
			if err := containerd.WaitReady(ctx, socket); err != nil {
				return nil // only ctx ends the wait, and its reason is known elsewhere
			}
			stage.Reached(stage.ContainerdReady)
			importer := &images.Importer{
				Dir: n.Config.AgentDir("images"), StateFile: n.Config.AgentDir("images.json"),
				Socket: socket, Snapshotter: opts.Snapshotter,
			}
			if err := importer.ImportAll(ctx); err != nil && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
			}
			close(imagesLoaded)
			return importer.Watch(ctx)
		})
	} else {
		close(imagesLoaded)
	}
	g.Go(func() error {
		// A pod that starts before its image is loaded would ask a registry for it.
		if !await(ctx, imagesLoaded) || !await(ctx, n.Ready) {
			return nil
		}
		return n.runKubelet(ctx, socket)
	})
	g.Go(func() error {
		if !n.KubeProxy || !await(ctx, n.Ready) {
			return nil
		}
		return n.runKubeProxy(ctx)
	})
	if err := n.Network.Masquerade(ctx); err != nil {
		return err
	}
	return g.Wait()
}

func await(ctx context.Context, c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	case <-ctx.Done():
		return false
	}
}

func (n *Node) runtimeOptions() containerd.Options {
	c := n.Config
	root := c.AgentDir("containerd")
	snapshotter := c.Snapshotter
	if snapshotter == "" {
		snapshotter = containerd.ChooseSnapshotter(root)
	}
	return containerd.Options{
		Root:        root,
		ConfigDir:   c.AgentDir("etc", "containerd"),
		Registries:  c.PrivateRegistry,
		MirrorsOnly: c.DisableDefaultRegistryEndpoint,
		PauseImage:  c.PauseImage,
		Snapshotter: snapshotter,
		Runtime:     c.DefaultRuntime,
		CNIBinDirs:  n.Network.BinDirs,
		CNIConfDir:  n.Network.ConfDir,
		Debug:       c.Debug,
	}
}

// AdoptPodCIDR moves the pod network to the range that the cluster gave the node, should it not be the expected one: a
// node that was renamed is a second node to the cluster. Pods that run already keep their addresses.
func (n *Node) AdoptPodCIDR(ctx context.Context, cidr string) error {
	if cidr == "" || cidr == n.Network.PodCIDR || !n.Network.Managed {
		return nil
	}
	n.Network.PodCIDR = cidr
	return errors.Join(n.Network.WriteCNI(), n.Network.Masquerade(ctx))
}

// hasCommand reports whether the node has a program.
func hasCommand(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
