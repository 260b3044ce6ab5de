package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/knftables"

	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/overlay"
)

// A PodNetwork connects the pods of this node with each other and with the world.
type PodNetwork interface {
	// Plugins are for the container runtime.
	Plugins() Plugins
	// Configure writes what the runtime reads of the network. It comes before the runtime starts.
	Configure() error
	// Connect lets pods reach the world.
	Connect(ctx context.Context) error
	// Adopt moves the network to the range that the cluster gave the node, should it not be the expected one: a node
	// that was renamed is a second node to the cluster. Pods that run already keep their addresses.
	Adopt(ctx context.Context, podCIDR string) error
	// Overlay is how the pods of different nodes reach each other; false if that is the matter of the user's CNI
	// plugin.
	Overlay() (overlay.Config, bool)
}

// Plugins are the directories of CNI's configuration and programs.
type Plugins struct {
	ConfDir string
	BinDirs []string
}

// Where CNI plugins are on Debian, on most other systems, and where k3s's users put theirs.
var defaultBinDirs = []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni", "/var/lib/rancher/k3s/data/cni"}

// podBridge is the interface that the pods of a node are at.
const podBridge = "cni0"

// NetworkOptions are what the network of a node depends on.
type NetworkOptions struct {
	ClusterCIDR string // of all pods
	Backend     string // of flannel; none, if the user brings a network of his own
	FlannelConf string // the user's file, or ""
	CNIConf     string // likewise
	AgentDir    string
	BinDirs     []string // of CNI plugins; the usual ones if empty
	LinkMTU     int      // of the interface to the other nodes; 0 if it is not known
	// IsFirst is whether this is the node that the cluster begins with, whose range is known before the cluster says
	// it.
	IsFirst bool
}

// NewNetwork returns the network without touching anything.
func NewNetwork(o NetworkOptions) (PodNetwork, error) {
	if len(o.BinDirs) == 0 {
		o.BinDirs = defaultBinDirs
	}
	first, err := firstPodCIDR(o.ClusterCIDR)
	if err != nil {
		return nil, err
	}
	if o.Backend == "none" {
		return ownNetwork{Plugins{"/etc/cni/net.d", o.BinDirs}}, nil
	}
	flannel, err := flannelConfig(o)
	if err != nil {
		return nil, err
	}
	n := &bridge{
		clusterCIDR: o.ClusterCIDR, podCIDR: first, flannel: flannel, mtu: flannel.PodMTU(o.LinkMTU), cniConf: o.CNIConf,
		plugins:  Plugins{filepath.Join(o.AgentDir, "etc", "cni", "net.d"), o.BinDirs},
		keptFile: filepath.Join(o.AgentDir, "etc", "pod-cidr"),
	}
	if kept := n.kept(); kept != "" || !o.IsFirst {
		n.podCIDR = kept
	}
	return n, nil
}

func flannelConfig(o NetworkOptions) (overlay.Config, error) {
	if o.FlannelConf != "" {
		return overlay.ReadConfig(o.FlannelConf, o.ClusterCIDR)
	}
	return overlay.NewConfig(o.AgentDir, o.ClusterCIDR, o.Backend)
}

// An ownNetwork is the user's: his CNI plugin does everything.
type ownNetwork struct{ plugins Plugins }

func (n ownNetwork) Plugins() Plugins                  { return n.plugins }
func (ownNetwork) Configure() error                    { return nil }
func (ownNetwork) Connect(context.Context) error       { return nil }
func (ownNetwork) Adopt(context.Context, string) error { return nil }
func (ownNetwork) Overlay() (overlay.Config, bool)     { return overlay.Config{}, false }

// A bridge gives pods addresses from the node's own range. No overlay is needed until there is a second node.
type bridge struct {
	clusterCIDR string
	// podCIDR is the part of clusterCIDR that belongs to this node. It is assumed before the API server has said so,
	// because a kubelet that finds no CNI configuration reports itself unready and looks again only seconds later. It
	// is empty on a node that has just joined.
	podCIDR string
	flannel overlay.Config
	mtu     int    // 0 is the CNI plugin's own choice
	cniConf string // the user's file, or ""
	plugins Plugins
	// keptFile has the range that the cluster said last.
	keptFile string
}

func (n *bridge) kept() string {
	b, err := os.ReadFile(n.keptFile)
	if err != nil {
		return ""
	}
	p, err := netip.ParsePrefix(strings.TrimSpace(string(b)))
	if err != nil {
		return ""
	}
	return p.String()
}

func (n *bridge) Plugins() Plugins { return n.plugins }

func (n *bridge) Overlay() (overlay.Config, bool) { return n.flannel, true }

func (n *bridge) Adopt(ctx context.Context, podCIDR string) error {
	if podCIDR == "" || podCIDR == n.podCIDR {
		return nil
	}
	before := n.podCIDR
	n.podCIDR = podCIDR
	err := errors.Join(n.Configure(), n.Connect(ctx), files.Write(n.keptFile, []byte(podCIDR+"\n"), 0o644))
	if err != nil {
		n.podCIDR = before
	}
	return err
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

func (n *bridge) confFile() string { return filepath.Join(n.plugins.ConfDir, "10-k3os.conflist") }

// Configure writes the configuration; containerd notices a change by itself.
func (n *bridge) Configure() error {
	if n.podCIDR == "" {
		// One that an earlier cluster has left would give addresses of others.
		if err := os.Remove(n.confFile()); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := n.plugins.check("bridge", "host-local", "loopback", "portmap"); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: warning: %v\n", err)
	}
	list := object{
		"cniVersion": "1.0.0",
		"name":       "cbr0",
		"plugins":    []any{n.plugin(), object{"type": "portmap", "capabilities": object{"portMappings": true}}},
	}
	if n.cniConf != "" {
		var err error
		if list, err = n.usersList(); err != nil {
			return fmt.Errorf("--flannel-cni-conf: %s: %w", n.cniConf, err)
		}
	}
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	return files.Write(n.confFile(), append(b, '\n'), 0o644)
}

type object = map[string]any

// plugin is what a pod gets its address by.
func (n *bridge) plugin() object {
	return object{
		"type":             "bridge",
		"bridge":           podBridge,
		"isDefaultGateway": true,
		"hairpinMode":      true,
		"forceAddress":     true,
		"mtu":              n.mtu,
		// With nft at hand one rule for the whole node does it, instead of an iptables chain per pod.
		"ipMasq": !hasCommand("nft"),
		"ipam":   object{"type": "host-local", "ranges": [][]object{{{"subnet": n.podCIDR}}}, "dataDir": "/var/lib/cni/networks"},
	}
}

// usersList is the user's, where the plugin `flannel` stands for ours, with what its `delegate` changes of that. The
// image has no such program, whose whole work is to fill in the node's range.
func (n *bridge) usersList() (object, error) {
	b, err := os.ReadFile(n.cniConf)
	if err != nil {
		return nil, err
	}
	var list object
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("expected a CNI configuration in JSON: %w", err)
	}
	plugins, _ := list["plugins"].([]any)
	if len(plugins) == 0 {
		return nil, errors.New("expected a list of `plugins`, as in a .conflist")
	}
	for i, one := range plugins {
		p, ok := one.(object)
		if !ok {
			return nil, fmt.Errorf("plugins[%d]: expected an object", i)
		}
		if p["type"] != "flannel" {
			continue
		}
		own := n.plugin()
		if delegate, ok := p["delegate"].(object); ok {
			maps.Copy(own, delegate)
		}
		plugins[i] = own
	}
	return list, nil
}

// check reports a plugin that no directory has, since otherwise the first pod's event would be the first sign.
func (p Plugins) check(names ...string) error {
	var missing []error
	for _, plugin := range names {
		found := false
		for _, d := range p.BinDirs {
			if _, err := os.Stat(filepath.Join(d, plugin)); err == nil {
				found = true
				break
			}
		}
		if !found {
			missing = append(missing, fmt.Errorf("the CNI plugin %q is in none of %v (set --cni-bin-dir)", plugin, p.BinDirs))
		}
	}
	return errors.Join(missing...)
}

// Connect translates the pods' addresses to the node's.
func (n *bridge) Connect(ctx context.Context) error {
	if n.podCIDR == "" || !hasCommand("nft") {
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
		"ip saddr", n.podCIDR, "ip daddr !=", n.clusterCIDR, "ip daddr != 224.0.0.0/4", "masquerade")})
	if err := nft.Run(ctx, tx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("cannot set the rule that lets pods out: %w", err)
	}
	return nil
}
