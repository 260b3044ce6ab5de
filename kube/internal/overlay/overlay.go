// Package overlay connects the pods of all nodes, by flannel's library.
package overlay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"    // registers itself
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"     // registers itself
	_ "github.com/flannel-io/flannel/pkg/backend/wireguard" // registers itself
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"k3os.io/kube/internal/apinode"
)

// annotations are flannel's own, which all nodes of a cluster read.
const annotations = "flannel.alpha.coreos.com"

// Options say where this node is.
type Options struct {
	Kubeconfig string
	NodeName   string
	NodeIP     net.IP // IPv4, or nil if there is none
	Interface  string // "" is the one with NodeIP
	ExternalIP net.IP // where other nodes reach this one; nil is at the interface
	Config     Config
}

// Run connects this node with the others until ctx ends. Its Node must have a range of addresses already.
func Run(ctx context.Context, o Options) error {
	// What the library starts goes on otherwise, whatever becomes of the rest.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	iface, address, err := InterfaceOf(o.Interface, o.NodeIP)
	if err != nil {
		return err
	}
	if err := o.Config.write(); err != nil {
		return fmt.Errorf("cannot write flannel's configuration: %w", err)
	}
	if err := leaveOthers(o.Config); err != nil {
		return fmt.Errorf("cannot remove what another flannel backend has left: %w", err)
	}
	client, err := clientOf(o.Kubeconfig)
	if err != nil {
		return err
	}
	if err := tellExternal(ctx, client, o.NodeName, o.ExternalIP); err != nil {
		return fmt.Errorf("cannot tell the other nodes where this one is: %w", err)
	}
	// The library knows no other way.
	if err := os.Setenv("NODE_NAME", o.NodeName); err != nil {
		return err
	}
	subnets, err := kube.NewSubnetManager(ctx, "", o.Kubeconfig, annotations, o.Config.File, false)
	if err != nil {
		return err
	}
	config, err := subnets.GetNetworkConfig(ctx)
	if err != nil {
		return err
	}
	external := &backend.ExternalInterface{Iface: iface, IfaceName: iface.Name, IfaceAddr: address, ExtAddr: address}
	own, err := backend.NewManager(ctx, subnets, external).GetBackend(config.BackendType)
	if err != nil {
		return err
	}
	var running sync.WaitGroup
	network, err := own.RegisterNetwork(ctx, &running, config)
	if err != nil {
		return err
	}
	network.Run(ctx)
	running.Wait()
	if ctx.Err() == nil {
		return errors.New("flannel ended without saying why")
	}
	return nil
}

// overwrite is flannel's annotation of where others reach a node.
const overwrite = annotations + "/public-ip-overwrite"

// tellExternal notes in the Node where others reach this one, if that is not at the interface: behind a router that
// translates addresses. flannel reads it when it starts. A Node that has it noted is not written again.
func tellExternal(ctx context.Context, client kubernetes.Interface, nodeName string, external net.IP) error {
	node, err := client.CoreV1().Nodes().Get(ctx, nodeName, metav1.GetOptions{})
	if err != nil {
		return err
	}
	noted, isNoted := node.Annotations[overwrite]
	switch {
	case external != nil && noted != external.String():
		return apinode.Annotate(ctx, client, nodeName, map[string]any{overwrite: external.String()})
	case external == nil && isNoted:
		return apinode.Annotate(ctx, client, nodeName, map[string]any{overwrite: nil})
	}
	return nil
}

func clientOf(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// InterfaceOf is the interface of that name, or if there is none, the one that has the node's address, and its address.
func InterfaceOf(name string, nodeIP net.IP) (*net.Interface, net.IP, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, nil, err
	}
	if name == "" && nodeIP == nil {
		return nil, nil, errors.New("flannel needs an IPv4 address of this machine: give one with --node-ip, or bring your own CNI")
	}
	var names []string
	for _, iface := range all {
		names = append(names, iface.Name)
		if name != "" && name != iface.Name {
			continue
		}
		addresses, err := iface.Addrs()
		if err != nil {
			return nil, nil, err
		}
		var own []net.IP
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
				own = append(own, n.IP)
			}
		}
		switch {
		case slices.ContainsFunc(own, nodeIP.Equal):
			return &iface, nodeIP, nil
		case name == "":
		case len(own) == 0:
			return nil, nil, fmt.Errorf("--flannel-iface: %s has no IPv4 address: give it one, or name another interface", name)
		default:
			return &iface, own[0], nil
		}
	}
	if name != "" {
		return nil, nil, fmt.Errorf("--flannel-iface: this machine has no interface %s, but %s", name, strings.Join(names, ", "))
	}
	return nil, nil, fmt.Errorf("no interface of this machine has the address %s: correct --node-ip", nodeIP)
}
