package etcd

import (
	"flag"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/server/v3/embed"
)

// MetricsPort is where metrics of etcd are read, if they are, as with k3s.
const MetricsPort = 2381

// settable are the flags of etcd that a user may give. None of them says which cluster a member belongs to, or where
// etcd listens and logs. max-concurrent-streams is not among them, since only etcd's own program reads it, and the
// timeouts of raft are not, since only that keeps them from being too short to work.
var settable = []string{
	"auto-compaction-mode", "auto-compaction-retention", "backend-batch-interval", "backend-batch-limit",
	"backend-bbolt-freelist-type", "compact-hash-check-time", "corrupt-check-time", "election-timeout",
	"grpc-keepalive-interval", "grpc-keepalive-min-time", "grpc-keepalive-timeout", "heartbeat-interval",
	"max-request-bytes", "max-snapshots", "max-txn-ops", "max-wals", "metrics", "pre-vote", "quota-backend-bytes",
	"snapshot-count", "strict-reconfig-check",
}

// apply sets what the arguments say, FLAG=VALUE with or without dashes. It comes before all that is not settable, since
// etcd sets its defaults, too.
func apply(c *embed.Config, args []string) error {
	if len(args) == 0 {
		return nil
	}
	known := flag.NewFlagSet("etcd", flag.ContinueOnError)
	c.AddFlags(known)
	for _, arg := range args {
		name, value, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !slices.Contains(settable, name) {
			return fmt.Errorf("--etcd-arg: %s is not one of etcd's flags that can be set here: %s", name,
				strings.Join(settable, ", "))
		}
		if !hasValue {
			value = "true"
		}
		if err := known.Set(name, value); err != nil {
			return fmt.Errorf("--etcd-arg: %s=%s: %w", name, value, err)
		}
	}
	return nil
}

// quota is the one that is configured, in the terms of etcd's flag.
func (m *Member) quota() (int64, error) {
	c := embed.NewConfig()
	c.QuotaBackendBytes = limits.quota
	err := apply(c, m.Args)
	return c.QuotaBackendBytes, err
}

// exposeMetrics lets anybody read metrics, at the node's address and its own.
func (m *Member) exposeMetrics(c *embed.Config) {
	for _, host := range []string{m.NodeIP.String(), "127.0.0.1"} {
		address := net.JoinHostPort(host, strconv.Itoa(MetricsPort))
		c.ListenMetricsUrls = append(c.ListenMetricsUrls, url.URL{Scheme: "http", Host: address})
	}
}
