package server

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/machine"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

// A clusterOfOne is a server with etcd that another one can join: all but the API.
type clusterOfOne struct {
	store  *pki.Store
	member *etcd.Member
	keys   string // the file
	url    string
}

// hostAt is a machine at an address of the loopback interface.
func hostAt(name string, number byte) hostFacts {
	ip := net.IPv4(127, 0, 79, number)
	return hostFacts{Facts: machine.Facts{NodeName: name, NodeIPs: []net.IP{ip}}, advertise: ip}
}

func newClusterOfOne(t *testing.T) *clusterOfOne {
	t.Helper()
	cfg := alone(t, "--cluster-init")
	cfg.DataDir = shortDir(t)
	store, err := newStore(cfg, hostAt("one", 1))
	if err != nil {
		t.Fatal(err)
	}
	c := &clusterOfOne{store: store, keys: pki.EncryptionFile(cfg.ServerDir())}
	if c.member, err = memberOf(cfg, hostAt("one", 1), store, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Ensure(); err != nil {
		t.Fatal(err)
	}
	runMember(t, c.member)
	server := httptest.NewUnstartedServer(supervisor.New(supervisor.Options{
		Store: store, Members: c.member, Shared: true, Config: clusterConfig(cfg),
		Secrets:   func() (supervisor.Secrets, error) { return supervisor.Secrets{Server: "x", Agent: "x"}, nil },
		Servers:   func(context.Context) ([]string, error) { return nil, nil },
		Passwords: func() supervisor.PasswordKeeper { return anybody{} },
		Encryption: encryptionKeeper{
			&controlPlane{cfg: cfg, encryption: &secretsEncryption{file: c.keys}},
		},
	}, http.NotFoundHandler()))
	server.Listener.Close()
	if server.Listener, err = net.Listen("tcp4", "127.0.79.1:0"); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(store.CertFile(pki.APIServer), store.KeyFile(pki.APIServer))
	if err != nil {
		t.Fatal(err)
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// shortDir is for sockets, whose names have 107 bytes at most.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "k3s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func runMember(t *testing.T, m *etcd.Member) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	if _, err := m.Open(ctx); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := m.Wait(ctx); err != nil {
			t.Error(err)
		}
	})
}

// anybody is a keeper of passwords who lets everybody in.
type anybody struct{}

func (anybody) Check(context.Context, string, string) error   { return nil }
func (anybody) Recheck(context.Context, string, string) error { return nil }

func (c *clusterOfOne) changeKeys(t *testing.T, keys []byte) {
	t.Helper()
	if err := files.Write(c.keys, keys, 0o600); err != nil {
		t.Fatal(err)
	}
}

// begin is what a server does before its parts start.
func begin(t *testing.T, cfg config.Server, host hostFacts) *controlPlane {
	t.Helper()
	found, err := findDatastore(t.Context(), &cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := found.store.Ensure(); err != nil {
		t.Fatal(err)
	}
	e, err := newEncryption(cfg, found)
	if err != nil {
		t.Fatal(err)
	}
	return &controlPlane{
		cfg: cfg, host: host, store: found.store, datastore: found.datastore, members: found.members,
		joined: found.joined, others: found.others, encryption: e, start: newStart(),
	}
}

// open runs the part of the datastore until it is open, or ends. What is returned stops it.
func (p *controlPlane) open(t *testing.T) (stop func(), err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.openDatastore(ctx) }()
	select {
	case err := <-ended:
		cancel()
		return func() {}, err
	case <-p.start.datastoreOpen.Reached():
	}
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}, nil
}

func TestKeysThatChangeWhileAServerJoinsAreThoseThatItStartsWith(t *testing.T) {
	before := encryption.New(encryption.AESCBC, true)
	old, now, later := marshalled(t, before), marshalled(t, before.WithNewKey().Alone()), marshalled(t, before.WithNewKey())
	for name, given := range map[string][]byte{"there are some": old, "there are none": nil} {
		t.Run(name, func(t *testing.T) {
			one := newClusterOfOne(t)
			if given != nil {
				one.changeKeys(t, given)
			}
			cfg := joining(t, one.url)
			p := begin(t, cfg, hostAt("two", 2))
			one.changeKeys(t, now) // it is no member yet, so nobody waits for it
			stop, err := p.open(t)
			if err != nil {
				t.Fatal(err)
			}
			if p.encryption == nil {
				t.Fatal("it does not encrypt")
			}
			if _, have, err := p.encryption.config(); err != nil || string(have) != string(now) {
				t.Errorf("%v; want the keys of now", err)
			}
			defer stop()

			// From here on it is asked, and its keys are its own, whenever it starts.
			one.changeKeys(t, later)
			if err := p.confirmKeys(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, have, err := p.encryption.config(); err != nil || string(have) != string(now) {
				t.Errorf("%v; want the keys kept", err)
			}
		})
	}
}

func joining(t *testing.T, url string) config.Server {
	t.Helper()
	args := []string{"--server=" + url, "--token=x", "--data-dir=" + shortDir(t)}
	cfg, _, err := config.Parse(config.Source{Args: args, Getenv: func(string) string { return "" }, Files: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestAServerThatWasCutWhileItJoinedAsksForTheKeysAgain(t *testing.T) {
	before := encryption.New(encryption.AESCBC, true)
	one := newClusterOfOne(t)
	one.changeKeys(t, marshalled(t, before))
	cfg := joining(t, one.url)
	p := begin(t, cfg, hostAt("two", 2))
	ctx, cut := context.WithCancel(t.Context())
	if _, err := p.members.Open(ctx); err != nil { // it votes, and then
		t.Fatal(err)
	}
	cut()
	if err := p.members.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	now := marshalled(t, before.WithNewKey().Alone())
	one.changeKeys(t, now)

	without := cfg
	without.ServerURL = ""
	p = begin(t, without, hostAt("two", 2))
	if _, err := p.open(t); err == nil || !strings.Contains(err.Error(), "once with --server=URL") ||
		!strings.Contains(err.Error(), "--cluster-reset") {
		t.Errorf("without --server: %v; want it refused", err)
	}
	p = begin(t, cfg, hostAt("two", 2))
	stop, err := p.open(t)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	file := pki.EncryptionFile(cfg.ServerDir())
	if have, err := os.ReadFile(file); err != nil || string(have) != string(now) {
		t.Errorf("%v; want the keys of now", err)
	}
	if _, err := os.Stat(unconfirmedKeys(cfg)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v; want it to have asked for the last time", err)
	}
}

// A server that was to join others, and then begins by itself, waits for nobody.
func TestAJoinThatWasGivenUpLeavesNothing(t *testing.T) {
	one := newClusterOfOne(t)
	cfg := joining(t, one.url)
	begin(t, cfg, hostAt("two", 2))
	if _, err := os.Stat(unconfirmedKeys(cfg)); err != nil {
		t.Fatalf("%v; want it to know that it has to ask again", err)
	}
	if info, err := os.Stat(etcdDir(cfg)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v; want the directory of etcd for its own user alone", info, err)
	}
	alone := cfg
	alone.ServerURL, alone.ClusterInit = "", true
	stop, err := begin(t, alone, hostAt("two", 2)).open(t)
	if err != nil {
		t.Fatalf("%v; want it to begin a cluster", err)
	}
	stop()
}

func TestAJoinThatIsRefusedLeavesNothing(t *testing.T) {
	cfg := joining(t, "https://127.0.79.1:6443")
	store, err := newStore(cfg, hostAt("two", 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := memberOf(cfg, hostAt("two", 2), store, &others{shared: pki.Bootstrap{}}); err == nil {
		t.Fatal("a cluster without authorities was joined")
	}
	if _, err := os.Stat(unconfirmedKeys(cfg)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v; want nothing left of the try", err)
	}
}
