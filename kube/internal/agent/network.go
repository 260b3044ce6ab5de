package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"sigs.k8s.io/knftables"
)

// A Network is the pods' network on one node: a bridge, with addresses from the node's own range. No overlay is needed
// until there is a second node.
type Network struct {
	ClusterCIDR string
	// PodCIDR is the part of ClusterCIDR that belongs to this node. It is assumed before the API server has said so,
	// because a kubelet that finds no CNI configuration reports itself unready and looks again only seconds later.
	PodCIDR string
	// Managed is false when the user brings his own CNI plugin.
	Managed bool
	ConfDir string
	BinDirs []string
}

// Where CNI plugins are on Debian, on most other systems, and where k3s's users put theirs.
var defaultBinDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni", "/var/lib/rancher/k3s/data/cni"}

// NewNetwork returns the network of the first node of a cluster.
func NewNetwork(clusterCIDR, backend, agentDir string, binDirs []string) (Network, error) {
	n := Network{ClusterCIDR: clusterCIDR, Managed: backend != "none", BinDirs: binDirs}
	if len(n.BinDirs) == 0 {
		n.BinDirs = defaultBinDirs
	}
	n.ConfDir = "/etc/cni/net.d"
	if n.Managed {
		n.ConfDir = filepath.Join(agentDir, "etc", "cni", "net.d")
	}
	pods, err := firstPodCIDR(clusterCIDR)
	n.PodCIDR = pods
	return n, err
}

// firstPodCIDR is the /24 that the controller manager gives to the first node.
func firstPodCIDR(cluster string) (string, error) {
	p, err := netip.ParsePrefix(cluster)
	if err != nil {
		return "", err
	}
	if p.Bits() > 24 {
		return "", fmt.Errorf("--cluster-cidr %s has no room for a node: a /24 or larger is needed", cluster)
	}
	return netip.PrefixFrom(p.Masked().Addr(), 24).String(), nil
}

func (n Network) confFile() string { return filepath.Join(n.ConfDir, "10-k3os.conflist") }

// WriteCNI writes the configuration; containerd notices a change by itself.
func (n Network) WriteCNI() error {
	if !n.Managed {
		return nil
	}
	type object = map[string]any
	b, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "cbr0",
		"plugins": []object{
			{
				"type":             "bridge",
				"bridge":           "cni0",
				"isDefaultGateway": true,
				"hairpinMode":      true,
				"forceAddress":     true,
				// With nft at hand one rule for the whole node does it, instead of an iptables chain per pod.
				"ipMasq": !hasCommand("nft"),
				"ipam":   object{"type": "host-local", "ranges": [][]object{{{"subnet": n.PodCIDR}}}, "dataDir": "/var/lib/cni/networks"},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(n.ConfDir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(n.confFile(), append(b, '\n'), 0o644)
}

// CheckPlugins reports a CNI plugin that no directory has, since otherwise the first pod's event would be the first sign.
func (n Network) CheckPlugins() error {
	if !n.Managed {
		return nil
	}
	var missing []error
	for _, plugin := range []string{"bridge", "host-local", "loopback", "portmap"} {
		found := false
		for _, d := range n.BinDirs {
			if _, err := os.Stat(filepath.Join(d, plugin)); err == nil {
				found = true
				break
			}
		}
		if !found {
			missing = append(missing, fmt.Errorf("the CNI plugin %q is in none of %v (set --cni-bin-dir)", plugin, n.BinDirs))
		}
	}
	return errors.Join(missing...)
}

// Masquerade lets pods reach the world through the node's address.
func (n Network) Masquerade(ctx context.Context) error {
	if !n.Managed || !hasCommand("nft") {
		return nil
	}
	nft, err := knftables.New(knftables.IPv4Family, "k3os")
	if err != nil {
		return fmt.Errorf("cannot use nftables (are nf_tables, nft_chain_nat and nft_masq available?): %w", err)
	}
	tx := nft.NewTransaction()
	tx.Add(&knftables.Table{Comment: knftables.PtrTo("pods reach the world")})
	tx.Add(&knftables.Chain{
		Name: "postrouting", Type: knftables.PtrTo(knftables.NATType), Hook: knftables.PtrTo(knftables.PostroutingHook),
		Priority: knftables.PtrTo(knftables.SNATPriority),
	})
	tx.Flush(&knftables.Chain{Name: "postrouting"})
	tx.Add(&knftables.Rule{Chain: "postrouting", Rule: knftables.Concat(
		"ip saddr", n.PodCIDR, "ip daddr !=", n.ClusterCIDR, "ip daddr != 224.0.0.0/4", "masquerade")})
	if err := nft.Run(ctx, tx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("cannot set the rule that lets pods out: %w", err)
	}
	return nil
}
