// Package serve runs CoreDNS with the plugins that a cluster needs.
package serve

import (
	"errors"
	"flag"
	"os"
	"regexp"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache" // each registers itself
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// The order in which a query passes the plugins, CoreDNS's own.
var directives = []string{
	"reload", "ready", "health", "prometheus", "errors", "cache", "hosts", "loop", "loadbalance", "kubernetes", "forward",
}

const resolvConf = "/etc/resolv.conf"

// Main serves DNS until it is told to stop. It takes CoreDNS's -conf and nothing else.
func Main(args []string) error {
	fs := flag.NewFlagSet("k3s coredns", flag.ContinueOnError)
	file := fs.String("conf", "Corefile", "configuration `FILE`")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return errors.New("k3s coredns takes no arguments besides -conf")
	}
	dnsserver.Directives = directives
	caddy.SetDefaultCaddyfileLoader("k3s", caddy.LoaderFunc(func(string) (caddy.Input, error) {
		b, err := os.ReadFile(*file)
		if err != nil {
			return nil, err
		}
		if !hasNameserver(resolvConf) {
			b = withoutForward(b)
		}
		return caddy.CaddyfileInput{Contents: b, Filepath: *file, ServerTypeName: "dns"}, nil
	}))
	os.Args = []string{"coredns", "-quiet"}
	coremain.Run()
	return nil
}

var (
	nameserver = regexp.MustCompile(`(?m)^\s*nameserver\s+\S`)
	forward    = regexp.MustCompile(`(?m)^\s*forward \. ` + regexp.QuoteMeta(resolvConf) + `\s*$`)
)

func hasNameserver(file string) bool {
	b, err := os.ReadFile(file)
	return err == nil && nameserver.Match(b)
}

// withoutForward serves the cluster's names on a node that has no resolver, where CoreDNS would refuse to start.
func withoutForward(corefile []byte) []byte { return forward.ReplaceAll(corefile, nil) }
