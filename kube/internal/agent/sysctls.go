package agent

import (
	"fmt"
	"os"
)

// enableForwarding lets the kernel route between pods and the world. The second setting exists once br_netfilter is
// loaded; without it, a pod that reaches another one on the same node through a service never gets the answer.
func enableForwarding() {
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		file := "/proc/sys/" + name
		if b, err := os.ReadFile(file); err == nil && len(b) > 0 && b[0] == '1' {
			continue
		}
		if err := os.WriteFile(file, []byte("1\n"), 0o644); err != nil {
			fmt.Fprintf(os.Stderr, "k3s: warning: cannot set %s (is the module loaded?): %v\n", name, err)
		}
	}
}
