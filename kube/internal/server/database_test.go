package server

import (
	"bytes"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	clientv3 "go.etcd.io/etcd/client/v3"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/machine"
	"k3os.io/kube/internal/pki"
)

// A sharing is a machine that shares a database with others; here it is one of SQLite.
type sharing struct {
	cfg  config.Server
	host hostFacts
	db   *sharedDatabase
}

func newDatabase(t *testing.T) *sharedDatabase {
	t.Helper()
	endpoint, err := datastore.SQLite{Dir: t.TempDir()}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return &sharedDatabase{endpoint: endpoint, client: client}
}

func newSharing(t *testing.T, db *sharedDatabase, dir, name string, args ...string) *sharing {
	t.Helper()
	args = append(args, "--data-dir="+dir, "--write-kubeconfig="+dir+"/kubeconfig", "--datastore-endpoint=postgres://h/d")
	cfg, _, err := config.Parse(config.Source{Args: args, Getenv: func(string) string { return "" }, Files: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	ip := net.IPv4(192, 0, 2, 1)
	return &sharing{cfg, hostFacts{machine.Facts{NodeName: name, NodeIPs: []net.IP{ip}}, ip}, db}
}

// agree ends as a start does, with certificates and tokens.
func (s *sharing) agree(t *testing.T) (authority []byte, joined bool, err error) {
	t.Helper()
	store, joined, err := s.db.agree(t.Context(), &s.cfg, s.host)
	if err != nil {
		return nil, joined, err
	}
	if _, err := (ownCredentials{s.cfg, store}).Ensure(); err != nil {
		return nil, joined, err
	}
	authority, err = os.ReadFile(store.KeyFile(pki.ServerCA))
	return authority, joined, err
}

func TestServersOfADatabaseHaveTheSameAuthorities(t *testing.T) {
	db := newDatabase(t)
	const servers = 3
	var (
		authorities [servers][]byte
		joined      [servers]bool
		dirs        [servers]string
		wg          sync.WaitGroup
	)
	for i := range servers {
		dirs[i] = t.TempDir()
		s := newSharing(t, db, dirs[i], "s", "--token=secret")
		wg.Go(func() {
			var err error
			if authorities[i], joined[i], err = s.agree(t); err != nil {
				t.Errorf("server %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	began := 0
	for i := range servers {
		if !joined[i] {
			began++
		}
		if len(authorities[i]) == 0 || !bytes.Equal(authorities[i], authorities[0]) {
			t.Errorf("server %d has another authority than server 0", i)
		}
		again, joinedAgain, err := newSharing(t, db, dirs[i], "s").agree(t) // the token is kept
		if err != nil || !bytes.Equal(again, authorities[i]) || joinedAgain != joined[i] {
			t.Errorf("server %d, restarted: %v, joined %v; want as before", i, err, joinedAgain)
		}
	}
	if began != 1 {
		t.Errorf("%d servers began the cluster; want 1", began)
	}
}

func TestWhoCannotShareADatabaseSaysWhy(t *testing.T) {
	db := newDatabase(t)
	first := t.TempDir()
	if _, _, err := newSharing(t, db, first, "s1", "--token=secret", "--cluster-domain=a.b").agree(t); err != nil {
		t.Fatal(err)
	}
	alien := t.TempDir() // it has begun a cluster of its own
	if _, _, err := newSharing(t, newDatabase(t), alien, "s2", "--token=secret").agree(t); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		dir  string
		args []string
		want string
	}{
		{t.TempDir(), []string{"--token=another"}, "--token is not that of the cluster in this database"},
		{t.TempDir(), nil, "--token (K3S_TOKEN) is missing"},
		{t.TempDir(), []string{"--token=node:secret"}, "it is one of agents"},
		{t.TempDir(), []string{"--token=secret", "--cluster-domain=c.d"}, "--cluster-domain is c.d here and a.b on the servers"},
		{alien, []string{"--token=secret"}, "belongs to another cluster"},
		{first, []string{"--token=another"}, "--token is not that of the cluster in this database"},
	} {
		_, _, err := newSharing(t, db, tt.dir, "s3", tt.args...).agree(t)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: %v; want %q", tt.args, err, tt.want)
		}
	}
	s := newSharing(t, db, t.TempDir(), "s4", "--token=secret")
	if _, joined, err := s.agree(t); err != nil || !joined || s.cfg.ClusterDomain != "a.b" {
		t.Errorf("what is left open is %s, %v; want that of the others", s.cfg.ClusterDomain, err)
	}
	// Who began says what the cluster is like.
	if _, _, err := newSharing(t, db, first, "s1", "--cluster-domain=e.f").agree(t); err != nil {
		t.Fatal(err)
	}
	s = newSharing(t, db, t.TempDir(), "s5", "--token=secret")
	if _, _, err := s.agree(t); err != nil || s.cfg.ClusterDomain != "e.f" {
		t.Errorf("after a change it is %s, %v; want e.f", s.cfg.ClusterDomain, err)
	}
}

func TestServersOfADatabaseMayBeGivenOtherPartsOneAfterTheOther(t *testing.T) {
	db, first, second := newDatabase(t), t.TempDir(), t.TempDir()
	for _, tt := range []struct {
		dir     string
		args    []string
		joins   bool
		want    []string
		refused string
	}{
		{first, nil, false, []string{}, ""},
		{second, nil, true, []string{}, ""},
		{second, []string{"--disable=servicelb"}, true, []string{"servicelb"}, ""},
		{t.TempDir(), []string{"--disable=servicelb"}, true, nil, "--disable=servicelb is given here"}, // it is new
		{first, []string{"--disable=servicelb"}, false, []string{"servicelb"}, ""},
		{second, nil, true, []string{"servicelb"}, ""},
		{second, []string{"--disable="}, true, []string{}, ""},
		{second, []string{"--disable-network-policy"}, true, []string{"servicelb"}, ""},
		{second, []string{"--flannel-backend=host-gw"}, true, nil, "--flannel-backend is host-gw here"},
	} {
		s := newSharing(t, db, tt.dir, "s", append(tt.args, "--token=secret")...)
		_, joined, err := s.agree(t)
		if tt.refused != "" {
			if err == nil || !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%v: %v; want %q", tt.args, err, tt.refused)
			}
			continue
		}
		if got := disabledParts(s.cfg.ControlPlane); err != nil || joined != tt.joins || !slices.Equal(got, tt.want) {
			t.Errorf("%v: without %v, joined %v, %v; want it without %v", tt.args, got, joined, err, tt.want)
		}
	}
}

func TestAServerThatIsCutWhileItJoinsADatabaseJoins(t *testing.T) {
	db := newDatabase(t)
	if _, _, err := newSharing(t, db, t.TempDir(), "s1", "--token=secret", "--agent-token=agents").agree(t); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := newSharing(t, db, dir, "s2", "--token=secret")
	blocked := s.cfg.ServerDir(clusterFile)
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, _, err := db.agree(t.Context(), &s.cfg, s.host); err == nil {
		t.Fatal("a directory was written over")
	}
	if _, err := os.Stat(s.cfg.ServerDir("tls", pki.ServerCA+".crt")); err == nil {
		t.Error("it has the authority, and does not know that it has joined")
	}
	if err := os.Remove(blocked); err != nil {
		t.Fatal(err)
	}
	s = newSharing(t, db, dir, "s2", "--token=secret")
	if _, joined, err := db.agree(t.Context(), &s.cfg, s.host); err != nil || !joined {
		t.Fatal(joined, err)
	}
	// Here it is cut before it has written tokens.
	s = newSharing(t, db, dir, "s2", "--token=secret")
	if _, joined, err := s.agree(t); err != nil || !joined {
		t.Fatalf("joined %v, %v; want as before", joined, err)
	}
	if secrets, err := readSecrets(s.cfg); err != nil || secrets.Agent != "agents" {
		t.Errorf("%v; want the token of agents of the cluster", err)
	}
}

func TestATokenThatWasReplacedBeforeTheMoveToADatabaseDoesNotCount(t *testing.T) {
	db, dir := newDatabase(t), t.TempDir()
	s := newSharing(t, db, dir, "s1", "--token=first")
	store, err := newStore(s.cfg, s.host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (ownCredentials{s.cfg, store}).Ensure(); err != nil {
		t.Fatal(err)
	}
	if err := pki.ReplaceToken(s.cfg.ServerDir(), store.CertFile(pki.ServerCA), "second", 1); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, joined, err := newSharing(t, db, dir, "s1", "--token=first").agree(t); err != nil || joined {
			t.Errorf("joined %v, %v; want it to begin with the token that counts", joined, err)
		}
	}
	// On another machine the same text may be retired, too.
	other := t.TempDir()
	s = newSharing(t, db, other, "s2", "--token=second")
	if err := os.MkdirAll(s.cfg.ServerDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := pki.EnsureTokens(s.cfg.ServerDir(), store.CertFile(pki.ServerCA), "second", "elsewhere"); err != nil {
		t.Fatal(err)
	}
	if err := pki.ReplaceToken(s.cfg.ServerDir(), store.CertFile(pki.ServerCA), "third", 7); err != nil {
		t.Fatal(err)
	}
	if _, joined, err := s.agree(t); err != nil || !joined || pki.TokenSerial(s.cfg.ServerDir()) != 1 || s.cfg.AgentToken != "" {
		t.Errorf("joined %v, %v; want what the machine was before to be forgotten", joined, err)
	}
}
