package config

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

const serverHelp = `Run a Kubernetes server, and a node beside it.

Usage:
  k3s server [flags]

Examples:
  k3s server
  k3s server --write-kubeconfig-mode 644 --node-label zone=a --disable coredns
  k3s server --kubelet-arg=max-pods=50 --kube-apiserver-arg=event-ttl=30m

Every flag is also a key of ` + DefaultConfigFile + ` and of config.yaml.d/*.yaml
there (node-label: [zone=a]). The command line beats the files, the files beat the environment.
`

const agentHelp = `Run a node of a cluster whose server is elsewhere.

Usage:
  k3s agent --server URL --token TOKEN [flags]

Examples:
  k3s agent --server https://server.example:6443 --token-file /etc/rancher/k3s/token

Every flag is also a key of ` + DefaultConfigFile + `.
`

// WriteHelp prints the flags of a role, grouped as in k3s's own documentation.
func WriteHelp(w io.Writer, role Role) {
	text := serverHelp
	if role == RoleAgent {
		text = agentHelp
	}
	fmt.Fprint(w, text)
	f := newFlagSet(role, &Server{}, new(string))
	for _, fam := range families {
		fmt.Fprintf(w, "\n%s:\n", fam)
		f.VisitAll(func(x *pflag.Flag) {
			if f.family[x.Name] == fam {
				fmt.Fprintln(w, helpLine(x, f.env[x.Name]))
			}
		})
	}
}

// FlagNames are the flags of a role that the help has, with their dashes, in the order of the alphabet.
func FlagNames(role Role) (names []string) {
	f := newFlagSet(role, &Server{}, new(string))
	f.SortFlags = true
	f.VisitAll(func(x *pflag.Flag) {
		if f.family[x.Name] != famHidden {
			names = append(names, "--"+x.Name)
		}
	})
	return names
}

func helpLine(x *pflag.Flag, env string) string {
	value, usage := pflag.UnquoteUsage(x)
	left := "      --" + x.Name
	if x.Shorthand != "" {
		left = "  -" + x.Shorthand + ", --" + x.Name
	}
	if x.NoOptDefVal == "" {
		left += " " + value
	}
	if d := x.DefValue; d != "" && d != "[]" && d != "false" && d != "0" {
		usage += fmt.Sprintf(" (default %s)", d)
	}
	if env != "" {
		usage += " [$" + env + "]"
	}
	if len(left) < 44 {
		return left + strings.Repeat(" ", 44-len(left)) + usage
	}
	return left + "\n" + strings.Repeat(" ", 44) + usage
}
