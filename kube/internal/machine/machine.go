// Package machine finds out what a start needs to know of the machine, before anything is changed, and says what would
// keep it from succeeding in one sentence, with the way out.
package machine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/overlay"
)

// Facts are what is true of a machine that may start.
type Facts struct {
	NodeName string
	NodeIPs  []net.IP

	lock *os.File // held until the process ends
}

// IPv4 is the first such address of the node; nil if it has none.
func (f Facts) IPv4() net.IP { return FirstIPv4(f.NodeIPs) }

// FirstIPv4 is the first such address; nil if there is none.
func FirstIPv4(ips []net.IP) net.IP {
	for _, ip := range ips {
		if ip.To4() != nil {
			return ip
		}
	}
	return nil
}

// Check looks at a machine. isNode is whether it runs pods.
func Check(cfg config.Node, isNode bool) (f Facts, err error) {
	if os.Geteuid() != 0 {
		return f, errors.New("k3s needs root: run it with sudo")
	}
	if isNode {
		if err := cgroup2(); err != nil {
			return f, err
		}
	}
	if f.lock, err = lock(cfg.DataDir); err != nil {
		return f, err
	}
	if f.NodeName = strings.ToLower(cfg.NodeName); f.NodeName == "" {
		name, err := os.Hostname()
		if err != nil || name == "" || name == "(none)" {
			return f, errors.New("the machine has no host name: set one, or give --node-name")
		}
		f.NodeName = strings.ToLower(name)
	}
	f.NodeIPs, err = nodeIPs(cfg.NodeIP, cfg.FlannelIface)
	return f, err
}

func cgroup2() error {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
		return errors.New("/sys/fs/cgroup is not cgroup v2: mount it with `mount -t cgroup2 cgroup2 /sys/fs/cgroup`, and boot without cgroup v1")
	}
	b, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return fmt.Errorf("cannot read the cgroup controllers: %w", err)
	}
	have := map[string]bool{}
	for _, c := range strings.Fields(string(b)) {
		have[c] = true
	}
	for _, c := range []string{"cpu", "cpuset", "memory", "pids"} {
		if !have[c] {
			return fmt.Errorf("the kernel offers no cgroup v2 controller %q: remove cgroup_disable from its command line, or use another kernel", c)
		}
	}
	return nil
}

// lock keeps a second k3s out of the same data directory. The kernel drops it with the process.
func lock(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot write the data directory (choose another with --data-dir): %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot write the data directory (choose another with --data-dir): %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another k3s is running on %s: stop it first, or choose another --data-dir", dir)
	}
	return f, nil
}

// nodeIPs are those that the user gave, or that of the interface that he gave, or the address of the default route, or
// the first one of any interface.
func nodeIPs(given []string, iface string) ([]net.IP, error) {
	var out []net.IP
	for _, s := range given {
		out = append(out, net.ParseIP(s))
	}
	if iface != "" {
		_, ip, err := overlay.InterfaceOf(iface, nil)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 {
			out = append(out, ip)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	if ip, err := utilnet.ChooseHostInterface(); err == nil {
		return []net.IP{ip}, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return []net.IP{n.IP}, nil
		}
	}
	return nil, errors.New("the machine has no network address yet: bring the network up first, or give --node-ip")
}
