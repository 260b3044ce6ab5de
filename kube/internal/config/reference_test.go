package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

const page = "../../../docs/k3s-flags.md"

// A limit is what a flag that works does not do, as the page of flags tells it.
type limit struct {
	text string
	// server or agent is a command line that meets the limit, and told is what it is answered with.
	server, agent []string
	told          string
}

var limits = map[string]limit{
	"bind-address": {
		text:  "An agent ignores it, because it listens for its own machine alone.",
		agent: []string{"--bind-address=10.0.0.1"}, told: "has no effect on an agent",
	},
	"cluster-cidr": {
		text: "IPv4 only.", server: []string{"--cluster-cidr=fd00::/64"}, told: "IPv6 is not supported",
	},
	"config": {
		text:   "A file; an address is not fetched.",
		server: []string{"--config=https://example.org/config.yaml"}, told: "https:",
	},
	"datastore-endpoint": {
		text:   "NATS and an etcd of your own are refused.",
		server: []string{"--datastore-endpoint=nats://a"}, told: "stores in SQLite",
	},
	"egress-selector-mode": {
		text:   "`agent`, `cluster` and `pod` are taken with a warning: there is no tunnel.",
		server: []string{"--egress-selector-mode=agent"}, told: "has no effect",
	},
	"flannel-backend": {
		text:   "`tailscale` is refused.",
		server: []string{"--flannel-backend=tailscale"}, told: "use vxlan, host-gw, wireguard-native or none",
	},
	"secrets-encryption": {
		text:   "Not over a database of yours.",
		server: []string{"--secrets-encryption", "--datastore-endpoint=mysql://u:p@tcp(h)/"}, told: "does not share its keys",
	},
	"service-cidr": {
		text: "IPv4 only.", server: []string{"--service-cidr=fd00::/112"}, told: "IPv6 is not supported",
	},
	"snapshotter": {
		text:   "Only `overlayfs` and `native`.",
		server: []string{"--snapshotter=zfs"}, told: "use overlayfs or native",
	},
	"tls-san-security": {
		text: "`false` is refused.", server: []string{"--tls-san-security=false"}, told: "take on names by itself",
	},
}

func TestThePageOfFlagsIsUpToDate(t *testing.T) {
	want := reference()
	if os.Getenv("K3OS_WRITE_DOCS") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/k3s-flags.md is not what flags.go and answers.go say; `npm run docs` writes it")
	}
}

func TestEveryLimitIsTold(t *testing.T) {
	for name, l := range limits {
		_, warnings, err := Parse(source(l.server, nil, nil))
		if l.agent != nil {
			_, warnings, err = ParseAgent(source(append([]string{"--server=https://s:6443", "--token=t"}, l.agent...), nil, nil))
		}
		if said := fmt.Sprint(warnings, err); !strings.Contains(said, l.told) {
			t.Errorf("--%s: %v %v is answered with %q; want %q", name, l.server, l.agent, said, l.told)
		}
		if newFlagSet(RoleServer, &Server{}, new(string)).Lookup(name) == nil {
			t.Errorf("--%s has limits and no effect", name)
		}
	}
}

const head = `# k3s's flags

What this build says to every flag of ` + "`k3s server` and `k3s agent`" + ` (k3s of November 2026, with deprecated and hidden ones). Each is also a key of
` + "`/etc/rancher/k3s/config.yaml`" + `, without its dashes. Written by ` + "`npm run docs`" + ` from ` + "`kube/internal/config`" + `.

*S* is a flag of the server alone, *S A* one of both.
`

// reference is the whole page.
func reference() string {
	var b strings.Builder
	b.WriteString(head)
	f := newFlagSet(RoleServer, &Server{}, new(string))
	for _, fam := range append(slices.Clone(families), famHidden) {
		title := string(fam)
		if fam == famHidden {
			title = "Not in the help"
		}
		fmt.Fprintf(&b, "\n## %s\n\n| flag | for | variable | default | what it does |\n|---|---|---|---|---|\n", title)
		f.VisitAll(func(x *pflag.Flag) {
			if f.family[x.Name] == fam {
				b.WriteString(row(x, f.env[x.Name]))
			}
		})
	}
	b.WriteString("\n## Without effect\n\nThey are taken, with a warning.\n\n| flag | for | variable | why |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(withoutEffect)) {
		a := withoutEffect[name]
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", name, roles(name), code(a.env), cell(a.reason))
	}
	b.WriteString("\n## Refused\n\nk3s does not start with them, and says why. " +
		"One that is switched off (`--rootless=false`, or an empty variable) is taken.\n\n" +
		"| flag | for | variable | why, and what to do |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(unsupported)) {
		a := unsupported[name]
		fmt.Fprintf(&b, "| `--%s` | %s | %s | %s |\n", name, roles(name), code(a.env), cell(a.reason))
	}
	b.WriteString("\n## Old names\n\nThey are taken for the new ones, with a warning.\n\n| old | new |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(renamed)) {
		fmt.Fprintf(&b, "| `--%s` | `--%s` |\n", name, renamed[name])
	}
	for _, name := range slices.Sorted(maps.Keys(renamedEnv)) {
		fmt.Fprintf(&b, "| `%s` | `%s` |\n", name, renamedEnv[name])
	}
	return b.String()
}

func row(x *pflag.Flag, env string) string {
	value, usage := pflag.UnquoteUsage(x)
	shown := "--" + x.Name
	if x.NoOptDefVal == "" {
		shown += " " + value
	}
	shown = code(shown)
	if x.Shorthand != "" {
		shown += ", " + code("-"+x.Shorthand)
	}
	def := x.DefValue
	if def == "[]" {
		def = ""
	}
	if l, ok := limits[x.Name]; ok {
		usage += ". **" + l.text + "**"
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", shown, roles(x.Name), code(env), code(def), cell(usage))
}

// roles is who has a flag in k3s, or here.
func roles(name string) string {
	if slices.Contains(strings.Fields(nodeFlags), name) {
		return "S A"
	}
	if slices.Contains(strings.Fields(serverFlags), name) {
		return "S"
	}
	if newFlagSet(RoleAgent, &Server{}, new(string)).Lookup(name) != nil {
		return "S A"
	}
	return "S"
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }
