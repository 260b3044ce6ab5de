package overlay

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flannel-io/flannel/pkg/subnet"
)

const pods = "10.42.0.0/16"

// What flannel reads, and how long the packets of pods may be: what the backend adds has to fit in.
func TestConfigOfEachBackend(t *testing.T) {
	for _, tt := range []struct {
		backend, want, settings string
		mtu                     int // with packets of 1500 bytes between nodes
	}{
		{"vxlan", "vxlan", `{"Type":"vxlan"}`, 1450},
		{"host-gw", "host-gw", `{"Type":"host-gw"}`, 1500},
		{"wireguard-native", "wireguard", `{"PersistentKeepaliveInterval":25,"Type":"wireguard"}`, 1420},
	} {
		dir := t.TempDir()
		c, err := NewConfig(dir, pods, tt.backend)
		if err == nil {
			err = c.write()
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "etc", "flannel", "net-conf.json"))
		if err != nil {
			t.Fatal(err)
		}
		read, err := subnet.ParseConfig(string(b))
		if err != nil || read.BackendType != tt.want || string(read.Backend) != tt.settings || read.Network.String() != pods ||
			!read.EnableIPv4 || read.EnableIPv6 {
			t.Errorf("%s: flannel reads %+v, %v; want the backend %s for %s", tt.backend, read, err, tt.settings, pods)
		}
		if got := c.PodMTU(1500); got != tt.mtu {
			t.Errorf("%s: MTU %d; want %d", tt.backend, got, tt.mtu)
		}
		if got := c.PodMTU(0); got != 0 {
			t.Errorf("%s: MTU %d of an interface that is not known; want 0", tt.backend, got)
		}
	}
}

func TestConfigOfTheUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "conf.json")
	for _, tt := range []struct {
		conf string
		mtu  int
		want string // a part of the error; "" is none
	}{
		{`{"Network": "10.42.0.0/16", "Backend": {"Type": "vxlan", "Port": 4789}}`, 1450, ""},
		{`{"Network": "10.42.0.0/16", "Backend": {"Type": "wireguard", "MTU": 1400}}`, 1320, ""},
		{`{"Network": "10.42.0.0/16", "Backend": {"Type": "host-gw"}}`, 1500, ""},
		{`{"Network": "10.9.0.0/16", "Backend": {"Type": "vxlan"}}`, 0, "expected the Network 10.42.0.0/16"},
		{`{"Network": "10.42.0.0/16", "Backend": {"Type": "udp"}}`, 0, `got "udp"`},
		{`{"Network": `, 0, "is not a configuration of flannel's"},
	} {
		if err := os.WriteFile(file, []byte(tt.conf), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := ReadConfig(file, pods)
		switch {
		case tt.want != "":
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "--flannel-conf: ") {
				t.Errorf("%s: %v; want %q", tt.conf, err, tt.want)
			}
		case err != nil || c.PodMTU(1500) != tt.mtu:
			t.Errorf("%s: MTU %d, %v; want %d", tt.conf, c.PodMTU(1500), err, tt.mtu)
		default:
			if err := c.write(); err != nil {
				t.Error(err)
			}
			if b, err := os.ReadFile(file); err != nil || string(b) != tt.conf || !json.Valid(b) {
				t.Errorf("%s became %s, %v; want the user's file untouched", tt.conf, b, err)
			}
		}
	}
	if _, err := ReadConfig(file+".no", pods); err == nil {
		t.Error("a file that is not there was accepted")
	}
}

func TestInterfaceOf(t *testing.T) {
	loopback := net.IPv4(127, 0, 0, 1)
	for _, tt := range []struct {
		name string
		ip   net.IP
		want string
	}{
		{"", loopback, ""},
		{"lo", nil, ""},
		{"lo", net.IPv4(192, 0, 2, 1), ""},
		{"", net.IPv4(192, 0, 2, 1), "no interface of this machine has the address 192.0.2.1"},
		{"nosuch", loopback, "this machine has no interface nosuch, but lo"},
		{"", nil, "needs an IPv4 address"},
	} {
		iface, ip, err := InterfaceOf(tt.name, tt.ip)
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("InterfaceOf(%q, %s) = %v; want %q", tt.name, tt.ip, err, tt.want)
			}
			continue
		}
		if err != nil || iface.Name != "lo" || !ip.IsLoopback() {
			t.Errorf("InterfaceOf(%q, %s) = %v, %s, %v; want lo and its address", tt.name, tt.ip, iface, ip, err)
		}
	}
}
