// Package overlay connects the pods of all nodes, by flannel's library.
package overlay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw" // registers itself
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"  // registers itself
	"github.com/flannel-io/flannel/pkg/subnet/kube"

	"k3os.io/kube/internal/files"
)

// annotations are flannel's own, which all nodes of a cluster read.
const annotations = "flannel.alpha.coreos.com"

// VXLANHeader is what vxlan takes from each packet.
const VXLANHeader = 50

// Options say where this node is.
type Options struct {
	Kubeconfig  string
	NodeName    string
	NodeIP      net.IP // IPv4, or nil if there is none
	ClusterCIDR string
	Backend     string // vxlan or host-gw
	ConfigFile  string // to be written, as flannel reads it
}

// Run connects this node with the others until ctx ends. Its Node must have a range of addresses already.
func Run(ctx context.Context, o Options) error {
	// What the library starts goes on otherwise, whatever becomes of the rest.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if o.NodeIP == nil {
		return errors.New("flannel needs an IPv4 address of this machine: give one with --node-ip, or bring your own CNI")
	}
	iface, err := InterfaceOf(o.NodeIP)
	if err != nil {
		return err
	}
	if err := writeConfig(o); err != nil {
		return fmt.Errorf("cannot write flannel's configuration: %w", err)
	}
	// The library knows no other way.
	if err := os.Setenv("NODE_NAME", o.NodeName); err != nil {
		return err
	}
	subnets, err := kube.NewSubnetManager(ctx, "", o.Kubeconfig, annotations, o.ConfigFile, false)
	if err != nil {
		return err
	}
	config, err := subnets.GetNetworkConfig(ctx)
	if err != nil {
		return err
	}
	external := &backend.ExternalInterface{Iface: iface, IfaceName: iface.Name, IfaceAddr: o.NodeIP, ExtAddr: o.NodeIP}
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

func writeConfig(o Options) error {
	b, err := json.Marshal(map[string]any{
		"Network": o.ClusterCIDR, "EnableIPv4": true, "EnableIPv6": false,
		"Backend": map[string]any{"Type": o.Backend},
	})
	if err != nil {
		return err
	}
	return files.Write(o.ConfigFile, append(b, '\n'), 0o600)
}

// InterfaceOf is the interface that has an address.
func InterfaceOf(ip net.IP) (*net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, iface := range all {
		addresses, err := iface.Addrs()
		if err != nil {
			return nil, err
		}
		for _, a := range addresses {
			if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
				return &iface, nil
			}
		}
	}
	return nil, fmt.Errorf("no interface of this machine has the address %s: correct --node-ip", ip)
}

// ConfigFile is where flannel's configuration lies, as with k3s.
func ConfigFile(agentDir string) string {
	return filepath.Join(agentDir, "etc", "flannel", "net-conf.json")
}
