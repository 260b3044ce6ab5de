package overlay

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/flannel-io/flannel/pkg/subnet"

	"k3os.io/kube/internal/files"
)

// A Config is flannel's, in its own format.
type Config struct {
	File string // where the library reads it
	text []byte // to be written there; nil if the file is the user's
	pods string // the range of all nodes
	kind kind
	mtu  int // of the packets between nodes; 0 is that of the interface
}

// A kind is one of flannel's backends.
type kind struct {
	name   string // flannel's
	header int    // bytes that it takes from each packet
	device string // that it makes; "" is none
}

// kinds are the backends that are linked, by the names of --flannel-backend.
var kinds = map[string]kind{
	"vxlan":            {"vxlan", 50, "flannel.1"},
	"host-gw":          {"host-gw", 0, ""},
	"wireguard-native": {"wireguard", 80, "flannel-wg"},
}

// keepalive keeps routers that translate addresses from forgetting a quiet node, in seconds. It is k3s's.
const keepalive = 25

// NewConfig is the configuration for a backend of k3s's.
func NewConfig(agentDir, clusterCIDR, backend string) (Config, error) {
	k, ok := kinds[backend]
	if !ok {
		return Config{}, fmt.Errorf("this build has no flannel backend %s", backend)
	}
	settings := map[string]any{"Type": k.name}
	if k.name == "wireguard" {
		settings["PersistentKeepaliveInterval"] = keepalive
	}
	b, err := json.Marshal(map[string]any{
		"Network": clusterCIDR, "EnableIPv4": true, "EnableIPv6": false, "Backend": settings,
	})
	return Config{File: filepath.Join(agentDir, "etc", "flannel", "net-conf.json"), text: append(b, '\n'), pods: clusterCIDR, kind: k}, err
}

// ReadConfig checks a configuration of the user's.
func ReadConfig(file, clusterCIDR string) (Config, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("--flannel-conf: %w", err)
	}
	c, err := subnet.ParseConfig(string(b))
	if err != nil {
		return Config{}, fmt.Errorf("--flannel-conf: %s is not a configuration of flannel's: %w", file, err)
	}
	if own := c.Network.String(); own != clusterCIDR || c.EnableIPv6 {
		return Config{}, fmt.Errorf("--flannel-conf: %s: expected the Network %s (--cluster-cidr) without IPv6, got %s", file, clusterCIDR, own)
	}
	for _, k := range kinds {
		if k.name != c.BackendType {
			continue
		}
		var settings struct{ MTU int }
		err := json.Unmarshal(c.Backend, &settings)
		return Config{File: file, pods: clusterCIDR, kind: k, mtu: settings.MTU}, err
	}
	return Config{}, fmt.Errorf("--flannel-conf: %s: expected the backend vxlan, host-gw or wireguard, got %q", file, c.BackendType)
}

// PodMTU is the longest packet of a pod, of an interface to the other nodes; 0 if that is not known.
func (c Config) PodMTU(link int) int {
	if c.mtu > 0 && c.kind.header > 0 {
		link = c.mtu
	}
	if link == 0 {
		return 0
	}
	return link - c.kind.header
}

func (c Config) write() error {
	if c.text == nil {
		return nil
	}
	return files.Write(c.File, c.text, 0o600)
}
