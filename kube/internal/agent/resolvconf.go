package agent

import (
	"bufio"
	"net/netip"
	"os"
	"strings"
)

// hostResolvConfs are where a host's real name servers may be; systemd-resolved shows a loopback stub in the first.
var hostResolvConfs = []string{"/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"}

// resolvConf is the file whose name servers pods inherit. A loopback address means the node in it, but the pod itself
// in a pod, so a file with nothing else cannot be used; CoreDNS then answers for the cluster only, instead of asking
// itself.
func (n *Node) resolvConf() (string, error) {
	if n.Config.ResolvConf != "" {
		return n.Config.ResolvConf, nil
	}
	for _, f := range hostResolvConfs {
		b, err := os.ReadFile(f)
		if err == nil && UsableNameservers(string(b)) {
			return f, nil
		}
	}
	file := n.Config.AgentDir("etc", "resolv.conf")
	if err := os.MkdirAll(n.Config.AgentDir("etc"), 0o755); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, []byte("# The node has no name server that a pod could reach.\n"), 0o644)
}

// UsableNameservers reports whether a resolv.conf names a server that a pod can reach.
func UsableNameservers(text string) bool {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		a, err := netip.ParseAddr(f[1])
		if err == nil && !a.IsLoopback() && !a.IsUnspecified() {
			return true
		}
	}
	return false
}
