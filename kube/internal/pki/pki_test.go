package pki

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"

	"k3os.io/kube/internal/token"
)

func newTestStore(t *testing.T) *Store {
	dir := t.TempDir()
	return New(filepath.Join(dir, "server", "tls"), filepath.Join(dir, "agent"), Names{
		NodeName: "n", NodeIPs: []net.IP{net.IPv4(10, 0, 0, 2)}, ClusterIP: net.IPv4(10, 43, 0, 1), Domain: "cluster.local",
	})
}

func ensure(t *testing.T, s *Store) []string {
	t.Helper()
	written, err := s.Ensure()
	if err != nil {
		t.Fatal(err)
	}
	return written
}

func TestEnsureKeepsAndRenews(t *testing.T) {
	s := newTestStore(t)
	if got := ensure(t, s); len(got) != len(s.leaves()) {
		t.Fatalf("the first time wrote %v; want every leaf", got)
	}
	ca, _ := os.ReadFile(s.CertFile(ServerCA))
	if got := ensure(t, s); len(got) != 0 {
		t.Errorf("the second time wrote %v; want nothing", got)
	}
	for _, tt := range []struct {
		name  string
		later time.Duration
		all   bool
	}{
		{"well before the end", leafLife - RenewBefore - 48*time.Hour, false},
		{"less than 90 days before the end", leafLife - RenewBefore + time.Hour, true},
	} {
		s.now = func() time.Time { return time.Now().Add(tt.later) }
		if got := ensure(t, s); (len(got) == len(s.leaves())) != tt.all {
			t.Errorf("%s: renewed %v; want all: %v", tt.name, got, tt.all)
		}
	}
	if now, _ := os.ReadFile(s.CertFile(ServerCA)); string(now) != string(ca) {
		t.Error("the authority was replaced; want it kept")
	}
}

func TestEnsureFollowsNames(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	s.Names.NodeIPs = []net.IP{net.IPv4(10, 0, 0, 3)}
	if got, want := ensure(t, s), []string{APIServer, KubeletServing}; !slices.Equal(got, want) {
		t.Errorf("after a new address wrote %v; want %v", got, want)
	}
	s.Names.APINames = []string{"api.example"}
	if got, want := ensure(t, s), []string{APIServer}; !slices.Equal(got, want) {
		t.Errorf("after a new name wrote %v; want %v", got, want)
	}
}

func TestEnsureHealsLeaves(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	if err := os.WriteFile(s.CertFile(Admin), nil, 0o600); err != nil { // what a power failure can leave
		t.Fatal(err)
	}
	if got, want := ensure(t, s), []string{Admin}; !slices.Equal(got, want) {
		t.Errorf("wrote %v; want %v", got, want)
	}
}

func TestEnsureRefusesAnExpiredAuthority(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	s.now = func() time.Time { return time.Now().Add(caLife + time.Hour) }
	if _, err := s.Ensure(); err == nil || !strings.Contains(err.Error(), "check the clock") {
		t.Errorf("got %v; want an error that speaks of the clock", err)
	}
}

func TestLeavesTolerateSkew(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	c, _, err := pkiutil.TryLoadCertAndKeyFromDisk(s.Server, Admin)
	if err != nil {
		t.Fatal(err)
	}
	if !c.NotBefore.Before(time.Now().Add(-30 * time.Minute)) {
		t.Errorf("valid from %v; want some of the past", c.NotBefore)
	}
	if got := c.Subject.Organization; !slices.Equal(got, []string{"system:masters"}) {
		t.Errorf("the administrator is in %v; want system:masters", got)
	}
}

func TestAdminKubeconfig(t *testing.T) {
	s := newTestStore(t)
	ensure(t, s)
	file := filepath.Join(t.TempDir(), "sub", "k3s.yaml")
	if err := s.WriteAdmin(file, "https://127.0.0.1:6443", 0o644, ""); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v; want 0644", info.Mode(), err)
	}
	c, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.CurrentContext != "default" || c.Clusters["default"].Server != "https://127.0.0.1:6443" || len(c.AuthInfos["default"].ClientKeyData) == 0 {
		t.Errorf("got %+v; want context, cluster and user default with the key inside", c)
	}
}

func TestToken(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(ca, []byte("ca"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := func(secret string) string {
		t.Helper()
		if err := EnsureTokens(dir, ca, secret, ""); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "node-token"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	secret := func(text string) string {
		t.Helper()
		parsed, err := token.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Secret
	}
	random := read("")
	if !strings.HasPrefix(random, "K10") || len(secret(random)) != 32 {
		t.Errorf("got %q; want a token with a random secret", random)
	}
	if again := read(""); again != random {
		t.Errorf("the second start made %q of %q; want it kept", again, random)
	}
	if got := secret(read("mine")); got != "mine" {
		t.Errorf("got the secret %q; want mine", got)
	}
	if got := secret(read(token.Format([]byte("ca"), token.Server, "whole"))); got != "whole" {
		t.Errorf("got the secret %q; want that of the whole token", got)
	}
	for name, given := range map[string]string{
		"another cluster's": token.Format([]byte("another"), token.Server, "hush"), "a malformed one": "K10abc::server:hush",
	} {
		err := EnsureTokens(dir, ca, given, "")
		if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "token")) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: got %v, want an error that tells where the right token is, and no secret", name, err)
		}
	}
	if got := secret(read("")); got != "whole" {
		t.Errorf("a refused token left the secret %q; want the one from before", got)
	}
	if err := os.WriteFile(ca, []byte("a new ca"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(""); got != token.Format([]byte("a new ca"), token.Server, "whole") {
		t.Errorf("with a new authority the token is %q; want the secret of before", got)
	}
}

func TestTokenOfAgents(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(ca, []byte("ca"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ given, want string }{
		{"", token.Format([]byte("ca"), token.Server, "all")},
		{"agents", token.Format([]byte("ca"), token.Node, "agents")},
		{token.Format([]byte("ca"), token.Node, "others"), token.Format([]byte("ca"), token.Node, "others")},
		{"", token.Format([]byte("ca"), token.Server, "all")},
	} {
		if err := EnsureTokens(dir, ca, "all", tt.given); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(AgentTokenFile(dir))
		if got := strings.TrimSpace(string(b)); err != nil || got != tt.want {
			t.Errorf("given %q: agents join with %q, %v; want %q", tt.given, got, err, tt.want)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "token")); err != nil || !strings.HasSuffix(string(b), "::server:all\n") {
			t.Errorf("given %q: the token is %q, %v; want it left alone", tt.given, b, err)
		}
	}
	if err := EnsureTokens(dir, ca, "all", token.Format([]byte("another"), token.Node, "hush")); err == nil ||
		!strings.Contains(err.Error(), "--agent-token") || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v; want an error with the flag and without the secret", err)
	}
}

func TestWriteAdminGivesTheFileToAGroup(t *testing.T) {
	dir := t.TempDir()
	s := newTestStore(t)
	ensure(t, s)
	group := os.Getgid()
	if os.Getuid() == 0 {
		group = 4711 // only root may choose
	}
	file := filepath.Join(dir, "k3s.yaml")
	if err := s.WriteAdmin(file, "https://127.0.0.1:6443", 0o640, strconv.Itoa(group)); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Sys().(*syscall.Stat_t).Gid; got != uint32(group) || info.Mode() != 0o640 {
		t.Errorf("group %d, mode %v; want %d, 0640", got, info.Mode(), group)
	}
	err = s.WriteAdmin(file, "https://127.0.0.1:6443", 0o640, "no-such-group")
	if err == nil || !strings.Contains(err.Error(), "--write-kubeconfig-group no-such-group: the machine has no such group") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
}

func TestARetiredTokenDoesNotComeBack(t *testing.T) {
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.crt")
	if err := os.WriteFile(ca, []byte("ca"), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(given string) string {
		t.Helper()
		if err := EnsureTokens(dir, ca, given, ""); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "agent-token"))
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := token.Parse(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		return parsed.Secret
	}
	replace := func(secret string) {
		t.Helper()
		if err := ReplaceToken(dir, ca, secret, 1); err != nil {
			t.Fatal(err)
		}
	}
	start("first")
	replace("second")
	for _, given := range []string{"first", token.Format([]byte("ca"), token.Server, "first"), "", "second"} {
		if got := start(given); got != "second" {
			t.Errorf("--token=%s: the token is %q; want second", given, got)
		}
	}
	replace("third")
	replace("first")
	if got := start("second"); got != "first" || IsRetired(dir, "first") || !IsRetired(dir, "third") {
		t.Errorf("the token is %q; want the first one back", got)
	}
	if got := start("fourth"); got != "fourth" {
		t.Errorf("the token is %q; want the one of the configuration, which is new", got)
	}
	b, err := os.ReadFile(filepath.Join(dir, "token-retired"))
	if err != nil || strings.Contains(string(b), "second") {
		t.Errorf("%q, %v; want no secret in it", b, err)
	}
}
