package server

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/machine"
)

// resettable is the configuration of a server with an empty directory, and its machine.
func resettable(t *testing.T, args ...string) (config.Server, hostFacts) {
	t.Helper()
	cfg := parse(t, append([]string{"--cluster-reset", "--data-dir=" + t.TempDir()}, args...)...)
	ip := net.IPv4(127, 0, 78, 1)
	return cfg, hostFacts{Facts: machine.Facts{NodeName: "n", NodeIPs: []net.IP{ip}}, advertise: ip}
}

func write(t *testing.T, file string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestResetRefusesWhatItCannotDo(t *testing.T) {
	for name, tt := range map[string]struct {
		there []string // below server
		from  string
		store string
		want  string
	}{
		"a database":         {store: "postgres://h/d", want: "lie in a database"},
		"nothing to reset":   {want: "there is no etcd in"},
		"a second time":      {there: []string{"db/reset-flag"}, want: "was reset already"},
		"SQLite":             {there: []string{"db/state.db"}, want: "has objects in SQLite"},
		"no such snapshot":   {from: "/none", want: "/none"},
		"no snapshot at all": {from: os.Args[0], want: "no snapshot of etcd"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, host := resettable(t)
			for _, file := range tt.there {
				write(t, cfg.ServerDir(file))
			}
			cfg.Reset.From, cfg.DatastoreEndpoint = tt.from, tt.store
			if err := reset(t.Context(), cfg, host); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v; want %q", err, tt.want)
			}
			if _, err := os.Stat(cfg.ServerDir("tls")); err == nil {
				t.Error("keys were written")
			}
		})
	}
}

func TestObjectsInTwoPlacesAreNotLost(t *testing.T) {
	cfg, host := resettable(t)
	store, err := newStore(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	member := newMember(cfg, host, store)
	if err := mayMove(cfg, member); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	write(t, cfg.ServerDir("db", "state.db"))
	if err := mayMove(cfg, member); err == nil || !strings.Contains(err.Error(), "drop --server") {
		t.Errorf("a server that joins: %v; want it refused", err)
	}
	cfg.ServerURL = ""
	if err := mayMove(cfg, member); err != nil {
		t.Errorf("the first server: %v; want it moved", err)
	}
	write(t, filepath.Join(member.Dir, "member", "wal", "x"))
	if err := mayMove(cfg, member); err == nil || !strings.Contains(err.Error(), "move one of them away") {
		t.Errorf("etcd, too: %v; want it refused", err)
	}
	write(t, filepath.Join(member.Dir, "migrated"))
	if err := mayMove(cfg, member); err != nil {
		t.Errorf("moved, and cut before the last step: %v; want it finished", err)
	}
	if err := moveToEtcd(t.Context(), cfg, member); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(cfg.ServerDir("db", "state.db.migrated")); err != nil {
		t.Error(err)
	}
}
