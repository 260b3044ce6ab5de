package join

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/util/cert"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/pki/pkitest"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// A testServer answers machines that join as a server does, without a Kubernetes behind it.
type testServer struct {
	*httptest.Server
	store     *pki.Store
	passwords passwords
	notReady  bool
	members   members
	secret    string // of servers
	expired   bool   // the bootstrap token

	cannotList error // which servers there are
}

// members takes everybody.
type members struct{ added []string }

func (m *members) AddMember(_ context.Context, name, peerURL string) (string, error) {
	m.added = append(m.added, name+"="+peerURL)
	return strings.Join(m.added, ","), nil
}

func (m *members) PromoteMember(_ context.Context, name string) error {
	if len(m.added) < 2 {
		return errors.New("it has not caught up")
	}
	return nil
}

type passwords struct {
	mu   sync.Mutex
	kept map[string]string
}

func (p *passwords) Check(_ context.Context, node, password string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have, ok := p.kept[node]; ok && have != password {
		return supervisor.OtherMachine(node)
	}
	p.kept[node] = password
	return nil
}

func (p *passwords) Recheck(_ context.Context, node, password string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch have, ok := p.kept[node]; {
	case !ok:
		return supervisor.NotJoined()
	case have != password:
		return supervisor.OtherMachine(node)
	}
	return nil
}

const secret, agentSecret = "s3cret", "ag3nts"

const bootstrapToken = "abcdef.0123456789abcdef"

func newServer(t *testing.T) *testServer { return newServerWith(t, false) }

// newServerWith is one with etcd or without.
func newServerWith(t *testing.T, etcd bool) *testServer {
	t.Helper()
	dir := t.TempDir()
	loopback := net.IPv4(127, 0, 0, 1)
	s := &testServer{
		store: pki.New(filepath.Join(dir, "server", "tls"), filepath.Join(dir, "agent"), pki.Names{
			NodeName: "server", NodeIPs: []net.IP{loopback}, ClusterIP: net.IPv4(10, 43, 0, 1), Domain: "cluster.local",
		}),
		passwords: passwords{kept: map[string]string{}},
		secret:    secret,
	}
	s.store.Etcd = etcd
	if _, err := s.store.Ensure(); err != nil {
		t.Fatal(err)
	}
	var keeper supervisor.MemberKeeper
	if etcd {
		keeper = &s.members
	}
	_, pods, err := net.ParseCIDR("10.42.0.0/16")
	if err != nil {
		t.Fatal(err)
	}
	handler := supervisor.New(supervisor.Options{
		Store:   s.store,
		Members: keeper,
		Shared:  etcd,
		Secrets: func() (supervisor.Secrets, error) {
			return supervisor.Secrets{Server: s.secret, Agent: agentSecret}, nil
		},
		Bootstrap: func(_ context.Context, token string) (bool, error) { return token == bootstrapToken && !s.expired, nil },
		RotateToken: func(_ context.Context, given string) ([]string, error) {
			if given == s.secret {
				return nil, &supervisor.Refusal{Reason: "it is the token already"}
			}
			s.secret = given
			return []string{"three"}, nil
		},
		Config:  supervisor.ClusterConfig{ClusterIPRange: pods, ClusterDomain: "cluster.local", FlannelBackend: "vxlan"},
		Servers: func(context.Context) ([]string, error) { return []string{"192.0.2.1:6443"}, s.cannotList },
		Passwords: func() supervisor.PasswordKeeper {
			if s.notReady {
				return nil
			}
			return &s.passwords
		},
	}, http.NotFoundHandler())
	s.Server = httptest.NewUnstartedServer(handler)
	s.Listener.Close()
	if s.Listener, err = net.Listen("tcp4", "0.0.0.0:0"); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(s.store.CertFile(pki.APIServer), s.store.KeyFile(pki.APIServer))
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	s.URL = strings.Replace(s.URL, "0.0.0.0", "127.0.0.1", 1)
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) authority(t *testing.T) []byte {
	t.Helper()
	pem, err := os.ReadFile(s.store.CertFile(pki.ServerCA))
	if err != nil {
		t.Fatal(err)
	}
	return pem
}

// member is a machine with a disk of its own.
func member(t *testing.T, dir, name, url, tokenText string) *Membership {
	t.Helper()
	parsed, err := token.Parse(tokenText)
	if err != nil {
		t.Fatal(err)
	}
	password, err := nodePassword(filepath.Join(dir, "password"), func() string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	cfg := config.Agent{Node: config.Node{DataDir: dir}, Join: config.Join{ServerURL: url}}
	store := pki.NewNodeStore(cfg.AgentDir(), name, []net.IP{net.IPv4(192, 0, 2, 7)})
	return &Membership{
		dir: cfg.AgentDir(), api: url, seed: url,
		client: &client{server: url, token: parsed, store: store, password: password},
	}
}

// firstReason is what keeps a machine from joining.
func firstReason(t *testing.T, m *Membership) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var reason string
	_, err := m.Join(ctx, func(text string) { reason = text; cancel() })
	if err == nil && reason == "" {
		t.Fatal("it has joined; want a reason why not")
	}
	return reason
}

func joined(t *testing.T, m *Membership) supervisor.ClusterConfig {
	t.Helper()
	cluster, err := m.Join(t.Context(), func(reason string) { t.Errorf("told %q", reason) })
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func TestJoin(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	for _, given := range []string{secret, token.Format(s.authority(t), token.Server, secret), "node:" + secret, agentSecret, bootstrapToken, token.FormatBootstrap(s.authority(t), bootstrapToken), token.Format(s.authority(t), token.Node, agentSecret)} {
		m := member(t, dir, "one", s.URL, given)
		if got := joined(t, m); got.ClusterIPRange.String() != "10.42.0.0/16" || got.FlannelBackend != "vxlan" {
			t.Errorf("got %+v; want what the server says", got)
		}
		if due := m.client.store.Due(pki.RenewBefore); len(due) > 0 {
			t.Errorf("%v are missing", due)
		}
		want := []string{"192.0.2.1:6443", strings.TrimPrefix(s.URL, "https://")}
		if got := m.Servers(); !slices.Equal(got, want) {
			t.Errorf("servers %v; want %v", got, want)
		}
	}
	chain, err := cert.CertsFromFile(filepath.Join(dir, "agent", pki.Kubelet+".crt"))
	if err != nil || chain[0].Subject.CommonName != "system:node:one" || !slices.Equal(chain[0].Subject.Organization, []string{"system:nodes"}) {
		t.Errorf("the kubelet is %v, %v", chain[0].Subject, err)
	}
	serving, err := cert.CertsFromFile(filepath.Join(dir, "agent", pki.KubeletServing+".crt"))
	if err != nil || serving[0].VerifyHostname("192.0.2.7") != nil || serving[0].VerifyHostname("one") != nil {
		t.Errorf("the kubelet serves %v, %v; want its name and its address", serving[0].IPAddresses, err)
	}
	for _, file := range pki.NodeKubeconfigs(filepath.Join(dir, "agent")) {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want it for root only", file, info, err)
		}
	}
}

func TestJoinIsRefused(t *testing.T) {
	s := newServer(t)
	other := newServer(t)
	joined(t, member(t, t.TempDir(), "taken", s.URL, secret))
	closed := httptest.NewTLSServer(http.NotFoundHandler())
	closed.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	web := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for name, test := range map[string]struct{ node, url, token, want string }{
		"wrong secret":                   {"a", s.URL, "wrong", "the token is not that of this cluster"},
		"secret of agents as a server's": {"a", s.URL, "server:" + agentSecret, "the token is not that of this cluster"},
		"other cluster":                  {"a", s.URL, token.Format(other.authority(t), token.Server, secret), "the token belongs to another cluster"},
		"bootstrap token":                {"a", s.URL, "abcdef.0123456789abcdeg", "the token is not that of this cluster"},
		"name of the server":             {"server", s.URL, secret, "server is the server's own"},
		"name of the API":                {"kubernetes.default.svc", s.URL, secret, "kubernetes.default.svc is the server's own"},
		"name taken":                     {"taken", s.URL, secret, "kubectl delete node taken"},
		"no name":                        {"no_name", s.URL, secret, supervisor.HeaderName},
		"nothing listens":                {"a", closed.URL, secret, "nothing listens at 127.0.0.1:"},
		"unknown host":                   {"a", "https://server.invalid:6443", secret, "the name server.invalid is not known"},
		"plain HTTP":                     {"a", strings.Replace(plain.URL, "http:", "https:", 1), secret, "does not speak TLS"},
		"another program":                {"a", web.URL, secret, "is it a server of k3s?"},
		"name not in the certificate":    {"a", strings.Replace(s.URL, "127.0.0.1", "127.0.0.2", 1), secret, "--tls-san=127.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := firstReason(t, member(t, t.TempDir(), test.node, test.url, test.token)); !strings.Contains(got, test.want) {
				t.Errorf("got %q; want %q in it", got, test.want)
			} else if strings.Contains(got, secret) {
				t.Errorf("got %q, which shows the secret", got)
			}
		})
	}
}

// Its certificate keeps a node in the cluster, until its Node is deleted.
func TestANodeStaysWhenItsTokenEnds(t *testing.T) {
	s := newServer(t)
	byServers, byBootstrap := t.TempDir(), t.TempDir()
	joined(t, member(t, byServers, "one", s.URL, token.Format(s.authority(t), token.Server, secret)))
	joined(t, member(t, byBootstrap, "two", s.URL, bootstrapToken))
	s.secret, s.expired = "another", true
	joined(t, member(t, byServers, "one", s.URL, secret))
	two := member(t, byBootstrap, "two", s.URL, bootstrapToken)
	joined(t, two)
	if err := os.Remove(filepath.Join(two.dir, pki.KubeProxy+".crt")); err != nil {
		t.Fatal(err)
	}
	if written, err := two.Ensure(); err != nil || !slices.Equal(written, []string{pki.KubeProxy}) {
		t.Errorf("renewed %v, %v; want %s", written, err, pki.KubeProxy)
	}
	if got := firstReason(t, member(t, t.TempDir(), "three", s.URL, bootstrapToken)); !strings.Contains(got, "is not that of this cluster") {
		t.Errorf("a new machine: %q; want it refused", got)
	}
	delete(s.passwords.kept, "two")
	if got := firstReason(t, member(t, byBootstrap, "two", s.URL, bootstrapToken)); !strings.Contains(got, "or it was deleted") {
		t.Errorf("after its Node was deleted: %q; want it refused", got)
	}
	if len(s.passwords.kept) != 1 {
		t.Errorf("passwords of %d nodes are kept; want 1", len(s.passwords.kept))
	}
}

func TestABootstrapTokenWaitsForTheAPI(t *testing.T) {
	s := newServer(t)
	s.notReady = true
	if got := firstReason(t, member(t, t.TempDir(), "one", s.URL, bootstrapToken)); !strings.Contains(got, "the API is not ready yet") {
		t.Errorf("got %q", got)
	}
}

func TestTheTokenIsRotated(t *testing.T) {
	s := newServerWith(t, true)
	p := peer(t, s.URL, secret)
	for given, want := range map[string]string{secret: "it is the token already"} {
		if _, err := p.RotateToken(t.Context(), given); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
	unreached, err := p.RotateToken(t.Context(), "n3w")
	if err != nil || s.secret != "n3w" || !slices.Equal(unreached, []string{"three"}) {
		t.Errorf("%v, %v, the secret is %q; want the new one", unreached, err, s.secret)
	}
	if err := peer(t, s.URL, "n3w").Ping(t.Context()); err != nil {
		t.Errorf("the new one: %v", err)
	}
	// A server has a certificate of a node, too, and that does not do.
	m := member(t, t.TempDir(), "one", s.URL, agentSecret)
	joined(t, m)
	p.client.store = m.client.store
	p.client.http = nil
	if err := p.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "the token is not that of this cluster") {
		t.Errorf("the one from before: %v; want it refused", err)
	}
	for _, not := range []string{secret, agentSecret, bootstrapToken} {
		if _, err := peer(t, s.URL, not).RotateToken(t.Context(), "m1ne"); err == nil || s.secret != "n3w" {
			t.Errorf("%q changed the token", not)
		}
	}
}

func TestJoinAfterACorrection(t *testing.T) {
	s := newServer(t)
	s.notReady = true
	m := member(t, t.TempDir(), "one", s.URL, secret)
	told := 0
	_, err := m.Join(t.Context(), func(reason string) {
		told++
		if !strings.Contains(reason, "the API is not ready yet") {
			t.Errorf("told %q", reason)
		}
		s.notReady = false
	})
	if err != nil || told != 1 {
		t.Errorf("%v after %d reasons; want it to join after one", err, told)
	}
}

func TestJoinWhileServersAreAway(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	joined(t, member(t, dir, "one", s.URL, secret))
	s.Close()
	var told string
	cluster, err := member(t, dir, "one", s.URL, secret).Join(t.Context(), func(reason string) { told = reason })
	if err != nil || cluster.ClusterDomain != "cluster.local" || !strings.Contains(told, "starts with what it has kept") {
		t.Errorf("got %+v, %v, told %q; want what was kept", cluster, err, told)
	}
}

// A server whose datastore fails knows only itself. A node that remembered only that one would be lost with it.
// The address of a server that is gone may be another machine's later, and that one a server of its own.
func TestANodeStaysInItsClusterWhenTheAddressIsAnotherOnes(t *testing.T) {
	own, other := newServer(t), newServer(t)
	host := func(s *testServer) string { return strings.TrimPrefix(s.URL, "https://") }
	dir := t.TempDir()
	whole := token.Format(own.authority(t), token.Server, secret)
	for name, text := range map[string]string{"secret": secret, "whole": whole} {
		joined(t, member(t, dir, "one", own.URL, text))
		m := member(t, dir, "one", other.URL, text)
		if err := m.keep(serversFile, []string{host(other), host(own)}); err != nil {
			t.Fatal(err)
		}
		joined(t, m)
		if m.Balancer().Current != "" || slices.Contains(m.Servers(), host(other)) {
			t.Errorf("%s token: %v, first %q; want nothing handed on to the other cluster", name, m.Servers(),
				m.Balancer().Current)
		}
		if len(other.passwords.kept) > 0 {
			t.Errorf("%s token: the other cluster was shown the password", name)
		}
	}
	// To another cluster by its whole token.
	moved := member(t, dir, "one", other.URL, token.Format(other.authority(t), token.Server, secret))
	joined(t, moved)
	if moved.Balancer().Current != host(other) {
		t.Errorf("it is handed on to %q first; want the server that it was given", moved.Balancer().Current)
	}
}

func TestANodeStartsWhenTheAddressIsAnotherOnesAndItsServersAreAway(t *testing.T) {
	own, other := newServer(t), newServer(t)
	dir := t.TempDir()
	joined(t, member(t, dir, "one", own.URL, secret))
	m := member(t, dir, "one", other.URL, secret)
	if err := m.keep(serversFile, []string{strings.TrimPrefix(own.URL, "https://")}); err != nil {
		t.Fatal(err)
	}
	own.Close()
	var told string
	_, err := m.Join(t.Context(), func(reason string) { told = reason })
	if err != nil || !strings.Contains(told, "belongs to another cluster") ||
		!strings.Contains(told, "starts with what it has kept") {
		t.Errorf("%v, told %q; want it to start", err, told)
	}
}

func TestANodeRemembersServersWhileItsOwnDoesNotKnowThem(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	m := member(t, dir, "one", s.URL, secret)
	joined(t, m)
	want := m.Servers()
	s.cannotList = errors.New("the datastore does not answer")
	if err := m.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "the datastore does not answer") {
		t.Errorf("%v; want why there is no list", err)
	}
	if got := m.Servers(); !slices.Equal(got, want) {
		t.Errorf("it knows %v; want still %v", got, want)
	}
	again := member(t, dir, "one", s.URL, secret)
	if _, err := again.Join(t.Context(), func(string) {}); err != nil {
		t.Errorf("its next start: %v; want one with what it has kept", err)
	}
}

// Whoever answers in the place of the server later must have its key.
func TestAnImpostorIsNotAsked(t *testing.T) {
	s := newServer(t)
	dir := t.TempDir()
	joined(t, member(t, dir, "one", s.URL, secret))
	if err := os.Remove(filepath.Join(dir, "agent", pki.Kubelet+".crt")); err != nil {
		t.Fatal(err)
	}
	impostor := newServer(t)
	if got := firstReason(t, member(t, dir, "one", impostor.URL, secret)); !strings.Contains(got, "belongs to another cluster than before") {
		t.Errorf("got %q", got)
	}
	if len(impostor.passwords.kept) > 0 {
		t.Error("it was shown the password")
	}
}

func TestEnsureRenews(t *testing.T) {
	s := newServer(t)
	m := member(t, t.TempDir(), "one", s.URL, secret)
	joined(t, m)
	if written, err := m.Ensure(); err != nil || len(written) > 0 {
		t.Errorf("wrote %v, %v; want nothing to do", written, err)
	}
	if err := os.Remove(filepath.Join(m.dir, pki.KubeProxy+".crt")); err != nil {
		t.Fatal(err)
	}
	if written, err := m.Ensure(); err != nil || !slices.Equal(written, []string{pki.KubeProxy}) {
		t.Errorf("wrote %v, %v; want %s", written, err, pki.KubeProxy)
	}
}

// A node that is never restarted renews all that it has, also when its token does not count any more. One whose
// certificates have expired while it was off comes back by its token and its password.
func TestAYearPasses(t *testing.T) {
	s := newServer(t)
	m := member(t, t.TempDir(), "one", s.URL, secret)
	joined(t, m)
	all := pki.NodeLeaves()
	slices.Sort(all)
	renewed := func() {
		t.Helper()
		written, err := m.Ensure()
		slices.Sort(written)
		if err != nil || !slices.Equal(written, all) || len(m.client.store.Due(pki.RenewBefore)) > 0 {
			t.Fatalf("renewed %v, %v; want all", written, err)
		}
	}
	s.secret = "another"
	for _, left := range []time.Duration{pki.RenewBefore - time.Hour, time.Hour} {
		pkitest.Age(t, m.dir, s.store.Server, left)
		renewed()
	}
	pkitest.Age(t, m.dir, s.store.Server, -time.Hour)
	if _, err := m.Ensure(); err == nil {
		t.Error("renewed by an expired certificate")
	}
	s.secret = secret
	renewed()
}

// A machine that was replaced still has a certificate.
func TestACertificateWithoutThePasswordIsNotEnough(t *testing.T) {
	s := newServer(t)
	m := member(t, t.TempDir(), "one", s.URL, secret)
	joined(t, m)
	pair, err := tls.LoadX509KeyPair(filepath.Join(m.dir, pki.Kubelet+".crt"), filepath.Join(m.dir, pki.Kubelet+".key"))
	if err != nil {
		t.Fatal(err)
	}
	h := httpClient(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
	for password, want := range map[string]int{m.client.password: http.StatusOK, "0123456789abcdef": http.StatusForbidden} {
		_, der, err := m.client.store.Request()
		if err != nil {
			t.Fatal(err)
		}
		request, _ := http.NewRequest(http.MethodPost, s.URL+supervisor.PathPrefix+pki.Kubelet+".crt", strings.NewReader(string(der)))
		request.Header.Set(supervisor.HeaderName, "one")
		request.Header.Set(supervisor.HeaderPassword, password)
		response, err := h.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("with the password %q: %s; want %d", password, response.Status, want)
		}
	}
}

func TestTheServersOwnAddressesAreRefused(t *testing.T) {
	s := newServer(t)
	for _, ip := range []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 43, 0, 1), net.IPv6loopback} {
		m := member(t, t.TempDir(), "one", s.URL, secret)
		m.client.store.Names.NodeIPs = []net.IP{ip}
		if got := firstReason(t, m); !strings.Contains(got, ip.String()+" is the server's own") {
			t.Errorf("%s: %q; want it refused", ip, got)
		}
	}
	if len(s.passwords.kept) > 0 {
		t.Error("the password of a refused node was kept")
	}
}

func TestAPairOfHalvesIsReplaced(t *testing.T) {
	s := newServer(t)
	m := member(t, t.TempDir(), "one", s.URL, secret)
	joined(t, m)
	other := member(t, t.TempDir(), "two", s.URL, secret)
	joined(t, other)
	key, err := os.ReadFile(filepath.Join(other.dir, pki.KubeletServing+".key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, pki.KubeletServing+".key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if written, err := m.Ensure(); err != nil || !slices.Equal(written, []string{pki.KubeletServing}) {
		t.Errorf("wrote %v, %v; want %s", written, err, pki.KubeletServing)
	}
}

// What was kept of one cluster is not what a machine starts with in another one.
func TestAnotherClusterIsNotThatOfBefore(t *testing.T) {
	s, other := newServer(t), newServer(t)
	dir := t.TempDir()
	joined(t, member(t, dir, "one", s.URL, secret))
	other.Close()
	m := member(t, dir, "one", other.URL, token.Format(other.authority(t), token.Server, secret))
	if got := firstReason(t, m); !strings.Contains(got, "nothing listens at") || strings.Contains(got, "has kept") {
		t.Errorf("got %q; want it to wait for the other cluster", got)
	}
}

// peer is a machine that is to be another server.
func peer(t *testing.T, url, tokenText string) *Peer {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Server{Node: config.Node{DataDir: dir}, Join: config.Join{ServerURL: url, Token: tokenText}}
	p, err := NewPeer(cfg, "two", []net.IP{net.IPv4(192, 0, 2, 8)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAServerJoins(t *testing.T) {
	s := newServerWith(t, true)
	p := peer(t, s.URL, secret)
	shared, cluster, err := p.Bootstrap(t.Context(), func(reason string) { t.Errorf("told %q", reason) })
	if err != nil || cluster.ClusterDomain != "cluster.local" {
		t.Fatalf("got %+v, %v", cluster, err)
	}
	store := pki.New(filepath.Join(t.TempDir(), "tls"), filepath.Join(t.TempDir(), "agent"), pki.Names{NodeName: "two", Domain: "cluster.local"})
	store.Etcd = true
	for range 2 { // also if it was interrupted
		if err := store.KeepBootstrap(shared); err != nil {
			t.Fatal(err)
		}
	}
	own, err := os.ReadFile(store.CertFile(pki.ServerCA))
	if err != nil || string(own) != string(s.authority(t)) {
		t.Errorf("%v; want the same authority", err)
	}
	if info, err := os.Stat(store.KeyFile(pki.ServerCA)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want the key for root only", info, err)
	}
	if got := shared.AgentToken(); got != "" {
		t.Errorf("the token of agents is %q; want none of their own", got)
	}
	agents := token.Format(s.authority(t), token.Node, agentSecret)
	if err := os.WriteFile(pki.AgentTokenFile(filepath.Dir(s.store.Server)), []byte(agents+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := pki.EncryptionFile(filepath.Dir(s.store.Server))
	if err := os.MkdirAll(filepath.Dir(keys), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keys, []byte("keys"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shared, _, err = p.Bootstrap(t.Context(), func(string) {}); err != nil || shared.AgentToken() != agents {
		t.Errorf("the token of agents is %q, %v; want %q", shared.AgentToken(), err, agents)
	}
	if err := store.KeepBootstrap(shared); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(pki.EncryptionFile(filepath.Dir(store.Server))); err != nil || string(b) != "keys" {
		t.Errorf("the keys of Secrets are %q, %v; want them taken over", b, err)
	}
	other := newServerWith(t, true)
	strange, _, err := peer(t, other.URL, secret).Bootstrap(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.KeepBootstrap(strange); err == nil || !strings.Contains(err.Error(), "belongs to another cluster") {
		t.Errorf("the keys of another cluster: %v; want them refused", err)
	}

	if err := p.PromoteMember(t.Context(), "two"); err == nil || !strings.Contains(err.Error(), "it has not caught up") {
		t.Errorf("promoted: %v", err)
	}
	for range 2 {
		if got, err := p.AddMember(t.Context(), "two", "https://192.0.2.8:2380"); err != nil || !strings.HasPrefix(got, "two=https://192.0.2.8:2380") {
			t.Errorf("added: %q, %v", got, err)
		}
	}
	if err := p.PromoteMember(t.Context(), "two"); err != nil {
		t.Error(err)
	}
}

func TestAServerIsRefused(t *testing.T) {
	with, without := newServerWith(t, true), newServerWith(t, false)
	for name, test := range map[string]struct{ url, token, want string }{
		"with SQLite":              {without.URL, secret, "restart that with --cluster-init"},
		"with the token of agents": {with.URL, agentSecret, "the token is not that of this cluster"},
		"with a bootstrap token":   {with.URL, bootstrapToken, "the token is one of agents"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var reason string
		if _, _, err := peer(t, test.url, test.token).Bootstrap(ctx, func(text string) { reason = text; cancel() }); err == nil {
			t.Errorf("%s: it has joined", name)
		}
		if !strings.Contains(reason, test.want) {
			t.Errorf("%s: %q; want %q in it", name, reason, test.want)
		}
	}
	if _, err := NewPeer(config.Server{Join: config.Join{ServerURL: with.URL, Token: "node:" + secret}}, "two", nil); err == nil {
		t.Error("a token of agents was taken")
	}
	// An agent's own way in leads to no key.
	m := member(t, t.TempDir(), "one", with.URL, agentSecret)
	joined(t, m)
	if _, err := m.client.get(t.Context(), supervisor.PathBootstrap); err == nil {
		t.Error("an agent got the keys of the cluster")
	}
}

func TestManyJoinAtOnce(t *testing.T) {
	s := newServer(t)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			m := member(t, t.TempDir(), fmt.Sprintf("node-%d", i), s.URL, secret)
			if _, err := m.Join(t.Context(), func(string) {}); err != nil {
				t.Errorf("node-%d: %v", i, err)
			}
		})
	}
	all.Wait()
	if len(s.passwords.kept) != 20 {
		t.Errorf("%d nodes have joined; want 20", len(s.passwords.kept))
	}
}

func TestSnapshotsAreForAdministratorsAlone(t *testing.T) {
	s := newServer(t)
	m := member(t, t.TempDir(), "one", s.URL, secret)
	joined(t, m)
	certified := func(file, key string) *tls.Config {
		pair, err := tls.LoadX509KeyPair(file, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}
	}
	nobody := &tls.Config{InsecureSkipVerify: true}
	for name, tt := range map[string]struct {
		with           *tls.Config
		user, password string
		want           int
	}{
		"nobody":               {nobody, "", "", http.StatusForbidden},
		"an agent's token":     {nobody, token.Node, agentSecret, http.StatusForbidden},
		"an agent as a server": {nobody, token.Server, agentSecret, http.StatusForbidden},
		"a node":               {certified(filepath.Join(m.dir, pki.Kubelet+".crt"), filepath.Join(m.dir, pki.Kubelet+".key")), "", "", http.StatusForbidden},
		"the scheduler":        {certified(s.store.CertFile(pki.Scheduler), s.store.KeyFile(pki.Scheduler)), "", "", http.StatusForbidden},
		// This server has SQLite, and says so to whom it answers.
		"a server's token":  {nobody, token.Server, secret, http.StatusConflict},
		"the administrator": {certified(s.store.CertFile(pki.Admin), s.store.KeyFile(pki.Admin)), "", "", http.StatusConflict},
	} {
		request, _ := http.NewRequest(http.MethodGet, s.URL+"/db/snapshot", nil)
		if tt.user != "" {
			request.SetBasicAuth(tt.user, tt.password)
		}
		h := httpClient(tt.with)
		response, err := h.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		h.CloseIdleConnections()
		if response.StatusCode != tt.want {
			t.Errorf("%s: %s; want %d", name, response.Status, tt.want)
		}
	}
}

func TestAServerWhoseNameIsTakenIsNoMember(t *testing.T) {
	s := newServerWith(t, true)
	cfg := config.Server{Node: config.Node{DataDir: t.TempDir()}, Join: config.Join{ServerURL: s.URL, Token: secret}}
	p, err := NewPeer(cfg, "two", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.Password = func() (string, error) { return "0123456789abcdef", nil }
	s.passwords.kept["two"] = "that of another machine"
	if _, err := p.AddMember(t.Context(), "two-1", "https://192.0.2.8:2380"); err == nil || !strings.Contains(err.Error(), "kubectl delete node two") {
		t.Errorf("%v; want the way out", err)
	}
	if len(s.members.added) > 0 {
		t.Errorf("members %v; want none", s.members.added)
	}
	delete(s.passwords.kept, "two")
	if _, err := p.AddMember(t.Context(), "two-1", "https://192.0.2.8:2380"); err != nil || len(s.members.added) != 1 {
		t.Errorf("%v, members %v; want one once the name is free", err, s.members.added)
	}
}
