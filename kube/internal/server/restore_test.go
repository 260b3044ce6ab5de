package server

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/pki"
)

// savedCluster is a snapshot of a server's etcd, with the keys of its cluster, which the token "then" opens. The server
// is stopped, and knows a later token.
func savedCluster(t *testing.T, cfg config.Server, host hostFacts, keys []byte) (snapshot string) {
	t.Helper()
	store, err := newStore(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	store.Etcd = true
	if _, err := store.Ensure(); err != nil {
		t.Fatal(err)
	}
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	if keys != nil {
		shared["EncryptionConfig"] = pki.BootstrapFile{Content: keys}
	}
	shared["AgentToken"] = pki.BootstrapFile{Content: []byte("node:agents\n")}
	sealed, err := shared.Seal("then")
	if err != nil {
		t.Fatal(err)
	}
	member := newMember(cfg, host, store)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if _, err := member.Open(ctx); err != nil {
		t.Fatal(err)
	}
	if err := member.KeepShared(ctx, "one", sealed); err != nil {
		t.Fatal(err)
	}
	snapshot = filepath.Join(t.TempDir(), "snapshot")
	if err := member.SaveSnapshot(ctx, snapshot); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := member.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	ca := store.CertFile(pki.ServerCA)
	if err := pki.EnsureTokens(cfg.ServerDir(), ca, "then", ""); err != nil {
		t.Fatal(err)
	}
	if err := pki.ReplaceToken(cfg.ServerDir(), ca, "now", 3); err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// The servers of before do not give up their leases, and the parts would wait for them. Those of pods stay.
func TestOldLeasesAreGone(t *testing.T) {
	const ours = "kube-controller-manager k3s-controllers kube-scheduler"
	const system, pods = "/registry/leases/kube-system/", "a-pod"
	for name, of := range map[string]func(*etcd.Member, string) (string, error){
		"restore": func(m *etcd.Member, file string) (string, error) { return m.Restore(t.Context(), file, oldLeases()...) },
		"reset":   func(m *etcd.Member, _ string) (string, error) { return m.Reset(t.Context(), oldLeases()...) },
	} {
		t.Run(name, func(t *testing.T) {
			cfg, host := resettable(t)
			store, err := newStore(cfg, host)
			if err != nil {
				t.Fatal(err)
			}
			store.Etcd = true
			if _, err := store.Ensure(); err != nil {
				t.Fatal(err)
			}
			member := newMember(cfg, host, store)
			// run calls do with what the member has.
			run := func(do func(*clientv3.Client)) {
				t.Helper()
				ctx, stop := context.WithCancel(t.Context())
				at, err := member.Open(ctx)
				if err != nil {
					t.Fatal(err)
				}
				client, err := clientv3.New(clientv3.Config{Endpoints: []string{at.URL}, Logger: zap.NewNop()})
				if err != nil {
					t.Fatal(err)
				}
				do(client)
				stop()
				if err := errors.Join(client.Close(), member.Wait(ctx)); err != nil {
					t.Fatal(err)
				}
			}
			kept := []string{system + pods, system + "kube-scheduler-2", "/registry/leases/default/kube-scheduler"}
			file := filepath.Join(t.TempDir(), "snapshot")
			run(func(c *clientv3.Client) {
				for _, lease := range strings.Fields(ours) {
					if _, err := c.Put(t.Context(), system+lease, "x"); err != nil {
						t.Fatal(err)
					}
				}
				for _, key := range kept {
					if _, err := c.Put(t.Context(), key, "x"); err != nil {
						t.Fatal(err)
					}
				}
				if err := member.SaveSnapshot(t.Context(), file); err != nil {
					t.Fatal(err)
				}
			})
			if _, err := of(member, file); err != nil {
				t.Fatal(err)
			}
			run(func(c *clientv3.Client) {
				found, err := c.Get(t.Context(), "/registry/leases/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
				if err != nil {
					t.Fatal(err)
				}
				var keys []string
				for _, kv := range found.Kvs {
					keys = append(keys, string(kv.Key))
				}
				slices.Sort(kept)
				if !slices.Equal(keys, kept) {
					t.Errorf("the leases %v; want %v", keys, kept)
				}
			})
		})
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestARestoreKeepsTheKeysOfBeforeAside(t *testing.T) {
	own, theirs := encryption.New(encryption.AESCBC, true), encryption.New(encryption.AESCBC, true)
	before, then := marshalled(t, own), marshalled(t, theirs)
	cfg, host := resettable(t)
	cfg.ServerURL, cfg.Token = "", "then"
	cfg.Reset.From = savedCluster(t, cfg, host, then)
	file := pki.EncryptionFile(cfg.ServerDir())
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}

	broken := host
	broken.NodeName = "a,b" // etcd does not take it
	if err := reset(t.Context(), cfg, broken); err == nil {
		t.Fatal("that name was taken")
	}
	if got := content(t, file); !bytes.Equal(got, before) {
		t.Error("the keys are not those of the etcd that stayed")
	}
	if token, err := secretIn(cfg.ServerDir("token")); err != nil || token != "now" || pki.TokenSerial(cfg.ServerDir()) != 3 {
		t.Errorf("%v; want the token of the etcd that stayed", err)
	}

	if err := reset(t.Context(), cfg, host); err != nil {
		t.Fatal(err)
	}
	if got := content(t, file); !bytes.Equal(got, then) {
		t.Error("the keys are not those of the snapshot")
	}
	if got := content(t, file+".before-reset"); !bytes.Equal(got, before) {
		t.Error("the keys of before are lost")
	}
	// The token of then is retired on this machine, and counts again.
	if token, err := secretIn(cfg.ServerDir("token")); err != nil || token != "then" || pki.TokenSerial(cfg.ServerDir()) != 0 {
		t.Errorf("%v; want the token of the snapshot, and the number of its last change", err)
	}
	if token, err := secretIn(pki.AgentTokenFile(cfg.ServerDir())); err != nil || token != "agents" {
		t.Errorf("%v; want the token of agents in the snapshot", err)
	}
}

func TestInTheMiddleOfARestoreBothKeysAreRead(t *testing.T) {
	own, theirs := encryption.New(encryption.Secretbox, true), encryption.New(encryption.Secretbox, true)
	other := encryption.New(encryption.AESCBC, true)
	for name, tt := range map[string]struct {
		own  *encryption.Config
		want encryption.Config
	}{
		"keys of its own": {&own, own.Reading(theirs)},
		"none":            {nil, encryption.Config{Provider: theirs.Provider, Keys: theirs.Keys}}, // written with by nobody yet
		"of another kind": {&other, other},
	} {
		t.Run(name, func(t *testing.T) {
			keys := restoredKeys{file: filepath.Join(t.TempDir(), "cred", "keys"), ofTheSnapshot: marshalled(t, theirs)}
			if tt.own != nil {
				write(t, keys.file)
				if err := os.WriteFile(keys.file, marshalled(t, *tt.own), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := keys.prepare(); err != nil {
				t.Fatal(err)
			}
			if got := content(t, keys.file); !bytes.Equal(got, marshalled(t, tt.want)) {
				t.Error("a server that starts here does not read its Secrets")
			}
			if err := keys.putBack(); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(keys.file); tt.own == nil && err == nil {
				t.Error("a file stays that was not there")
			}
			if err := keys.finish(); err != nil || !bytes.Equal(content(t, keys.file), keys.ofTheSnapshot) {
				t.Errorf("%v; want the keys of the snapshot", err)
			}
		})
	}
}
