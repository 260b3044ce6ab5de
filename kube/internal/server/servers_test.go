package server

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

func network(t *testing.T, cidr string) *net.IPNet {
	t.Helper()
	_, n, err := net.ParseCIDR(cidr)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func parse(t *testing.T, args ...string) config.Server {
	t.Helper()
	cfg, _, err := config.Parse(config.Source{
		Args: append([]string{"--server=https://a:6443", "--token=x"}, args...), Getenv: func(string) string { return "" },
		Files: fstest.MapFS{},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAdopt(t *testing.T) {
	cluster := supervisor.ClusterConfig{
		ClusterIPRanges: []*net.IPNet{network(t, "10.52.0.0/16")}, ServiceIPRanges: []*net.IPNet{network(t, "10.53.0.0/16")},
		ClusterDNS: net.IPv4(10, 53, 0, 10), ClusterDomain: "home", FlannelBackend: "host-gw", DisableNPC: true,
	}
	cfg := parse(t)
	if err := adopt(&cfg, cluster); err != nil {
		t.Fatal(err)
	}
	dns, err := cfg.DNSAddress()
	if err != nil || cfg.ClusterCIDR[0] != "10.52.0.0/16" || cfg.ServiceCIDR[0] != "10.53.0.0/16" ||
		cfg.ClusterDomain != "home" || cfg.FlannelBackend != "host-gw" || !cfg.DisableNetworkPolicy || dns.String() != "10.53.0.10" {
		t.Errorf("%+v, %v; want what the cluster has", cfg.ControlPlane, err)
	}
	if len(cfg.ClusterDNS) > 0 {
		t.Errorf("cluster DNS %v; want it to follow from the service range", cfg.ClusterDNS)
	}

	cluster.ClusterDNS = net.IPv4(10, 53, 0, 99)
	cfg = parse(t)
	if err := adopt(&cfg, cluster); err != nil || len(cfg.ClusterDNS) != 1 || cfg.ClusterDNS[0] != "10.53.0.99" {
		t.Errorf("cluster DNS %v, %v; want that of the others", cfg.ClusterDNS, err)
	}

	cfg = parse(t, "--cluster-cidr=10.52.0.0/16", "--flannel-backend=host-gw")
	if err := adopt(&cfg, cluster); err != nil {
		t.Errorf("%v; want what is the same to be taken", err)
	}
	for _, arg := range []string{
		"--cluster-cidr=10.62.0.0/16", "--service-cidr=10.63.0.0/16", "--cluster-dns=10.53.0.11",
		"--cluster-domain=other", "--flannel-backend=vxlan", "--disable-network-policy=false", "--flannel-external-ip=true",
	} {
		cfg := parse(t, arg)
		flag, value, _ := strings.Cut(arg, "=")
		if err := adopt(&cfg, cluster); err == nil || !strings.Contains(err.Error(), flag+" is "+value+" here and ") {
			t.Errorf("%s: %v; want an error with both values", arg, err)
		}
	}
}

func TestAMemberOfEtcdIsAsTheUserTunesIt(t *testing.T) {
	cfg := parse(t, "--etcd-arg=snapshot-count=100", "--etcd-arg=metrics=extensive", "--etcd-expose-metrics")
	cfg.DataDir = t.TempDir()
	store, err := newStore(cfg, hostAt("n", 3))
	if err != nil {
		t.Fatal(err)
	}
	m := newMember(cfg, hostAt("n", 3), store)
	if !slices.Equal(m.Args, []string{"snapshot-count=100", "metrics=extensive"}) || !m.Metrics {
		t.Errorf("%v, %v; want what was given", m.Args, m.Metrics)
	}
}

func TestAdoptAgentToken(t *testing.T) {
	const theirs = "K10" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" + "::node:hush"
	cfg := parse(t)
	if err := adoptAgentToken(&cfg, theirs); err != nil || cfg.AgentToken != theirs {
		t.Errorf("%q, %v; want that of the others", cfg.AgentToken, err)
	}
	for _, same := range []string{"hush", "node:hush", theirs} {
		cfg := parse(t, "--agent-token="+same)
		if err := adoptAgentToken(&cfg, theirs); err != nil {
			t.Errorf("the same one: %v; want it taken", err)
		}
	}
	for name, test := range map[string]struct{ own, theirs, want string }{
		"another one": {"quiet", theirs, "is another one"}, "theirs is that of servers": {"quiet", "", "leave it out, or give it"},
	} {
		cfg := parse(t, "--agent-token="+test.own)
		err := adoptAgentToken(&cfg, test.theirs)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "quiet") {
			t.Errorf("%s: %v; want it refused without a secret", name, err)
		}
	}
}

func TestPoliciesCanBeSwitchedOffAfterAServerHasJoined(t *testing.T) {
	for _, tt := range []struct {
		args         []string
		joined, want bool
	}{
		{nil, true, true}, {nil, false, false},
		{[]string{"--disable-network-policy"}, false, true}, {[]string{"--disable-network-policy=false"}, true, false},
	} {
		cluster := sinceJoined(parse(t, tt.args...), supervisor.ClusterConfig{DisableNPC: tt.joined})
		if cluster.DisableNPC != tt.want {
			t.Errorf("%v on a server that has joined with %v = %v; want %v", tt.args, tt.joined, cluster.DisableNPC, tt.want)
		}
	}
}

func TestAServerThatJoinedWithABuildWithoutPoliciesHasThem(t *testing.T) {
	for name, isOld := range map[string]bool{"of before": true, "of now": false} {
		cfg, host := resettable(t)
		write(t, filepath.Join(etcdDir(cfg), "member", "wal", "x"))
		cluster := clusterConfig(cfg)
		cluster.DisableNPC = true
		b, err := json.Marshal(cluster)
		if err != nil {
			t.Fatal(err)
		}
		if isOld {
			b = bytes.Replace(b, []byte(`"FlannelExternalIP":false,`), nil, 1)
		}
		if err := os.WriteFile(cfg.ServerDir(clusterFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := askOthers(t.Context(), &cfg, host); err != nil || cfg.DisableNetworkPolicy == isOld {
			t.Errorf("%s: policies are disabled %v, %v; want %v", name, cfg.DisableNetworkPolicy, err, !isOld)
		}
	}
}

func TestTheTokenOfAgentsStaysWithEtcd(t *testing.T) {
	cfg, host := resettable(t)
	store, err := newStore(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Ensure(); err != nil {
		t.Fatal(err)
	}
	// start returns the secret of agents afterwards.
	start := func(given string) string {
		t.Helper()
		cfg.AgentToken = given
		err := keepAgentToken(&cfg)
		if err == nil {
			err = pki.EnsureTokens(cfg.ServerDir(), store.CertFile(pki.ServerCA), "servers", cfg.AgentToken)
		}
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := readSecrets(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return secrets.Agent
	}
	start("agents")
	if got := start(""); got != "servers" {
		t.Errorf("a server alone: %q; want the flag to count", got)
	}
	write(t, filepath.Join(etcdDir(cfg), "member", "wal", "x"))
	for _, tt := range []struct{ given, want string }{
		{"", "servers"}, {"agents", "agents"}, {"", "agents"}, {"others", "others"}, {"", "others"},
	} {
		if got := start(tt.given); got != tt.want {
			t.Errorf("--agent-token=%s: %q; want %q", tt.given, got, tt.want)
		}
	}
	if err := os.Remove(pki.AgentTokenFile(cfg.ServerDir())); err != nil {
		t.Fatal(err)
	}
	if got := start(""); got != "servers" {
		t.Errorf("without the file: %q; want that of servers", got)
	}
}

func TestPartsThatAllServersRunOrNone(t *testing.T) {
	all := []string{"controller-manager", "local-storage", "metrics-server", "servicelb"}
	cluster := func(disabled ...string) supervisor.ClusterConfig {
		c := clusterConfig(parse(t))
		c.DisabledParts = disabled
		return c
	}
	cfg := parse(t)
	if err := adopt(&cfg, cluster(all...)); err != nil || !slices.Equal(disabledParts(cfg.ControlPlane), all) {
		t.Errorf("%v, %v; want what the others do not run", disabledParts(cfg.ControlPlane), err)
	}
	for _, tt := range []struct {
		flag   string
		theirs []string
		want   string
	}{
		{"--disable-controller-manager", []string{}, "--disable-controller-manager is given here, and the servers of the cluster run the"},
		{"--disable-controller-manager=false", all, "the controller-manager is enabled here, and the servers of the cluster have --disable-con"},
		{"--disable=servicelb", []string{}, "--disable=servicelb is given here, and the servers of the cluster run the servicelb"},
		{"--disable=coredns", all[3:], "the servicelb is enabled here, and the servers of the cluster have --disable=servicelb"},
		{"--disable=metrics-server,coredns,x", all[2:3], ""},
		{"--disable=metrics-server", nil, ""}, // of an earlier build
		{"--disable=coredns", []string{}, ""},
		{"--disable=", all[3:], "the servicelb is enabled here"},
	} {
		cfg := parse(t, tt.flag)
		err := adopt(&cfg, cluster(tt.theirs...))
		if tt.theirs == nil {
			err = adoptDisabled(&cfg, nil)
		}
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s, and %v on the others: %v; want %q", tt.flag, tt.theirs, err, tt.want)
		}
		// A server that has joined may be given another one, and the others after it.
		joined := parse(t, tt.flag)
		if err := adopt(&joined, sinceJoined(joined, cluster(tt.theirs...))); err != nil {
			t.Errorf("%s on a server that has joined: %v", tt.flag, err)
		}
	}
}
