package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	encryptionmetrics "k8s.io/apiserver/pkg/server/options/encryptionconfig/metrics"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/supervisor"
)

func alone(t *testing.T, args ...string) config.Server {
	t.Helper()
	cfg, _, err := config.Parse(config.Source{Args: args, Getenv: func(string) string { return "" }, Files: fstest.MapFS{}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.DataDir = t.TempDir()
	return cfg
}

func marshalled(t *testing.T, c encryption.Config) []byte {
	t.Helper()
	b, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestTheFirstKey(t *testing.T) {
	if e, err := newEncryption(alone(t), foundDatastore{}); e != nil || err != nil {
		t.Errorf("%v, %v; want nothing that nobody asked for", e, err)
	}

	cfg := alone(t, "--secrets-encryption", "--secrets-encryption-provider=secretbox")
	e, err := newEncryption(cfg, foundDatastore{})
	if err != nil {
		t.Fatal(err)
	}
	first, content, err := e.config()
	if err != nil || !first.Enabled || first.Provider != encryption.Secretbox || len(first.Keys) != 1 {
		t.Errorf("%v; want a new cluster to encrypt from the start", err)
	}
	if info, err := os.Stat(e.file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want the key for root only", info, err)
	}
	for _, args := range [][]string{{"--secrets-encryption"}, nil, {"--secrets-encryption=false"}} {
		again := alone(t, args...)
		again.DataDir = cfg.DataDir
		e, err := newEncryption(again, foundDatastore{})
		if err != nil || e == nil {
			t.Fatalf("%v: %v, %v; want what Secrets are read with", args, e, err)
		}
		if _, now, err := e.config(); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%v: %v; want the key kept", args, err)
		}
	}
	again := alone(t, "--secrets-encryption-provider=aescbc")
	again.DataDir = cfg.DataDir
	if _, err := newEncryption(again, foundDatastore{}); err == nil || !strings.Contains(err.Error(), "is aescbc here, and") {
		t.Errorf("%v; want another provider refused", err)
	}
	if err := os.WriteFile(e.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newEncryption(cfg, foundDatastore{}); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("%v; want a damaged file kept and told of", err)
	}
}

func TestAKeyForObjectsThatAreThereIsNotWrittenWithYet(t *testing.T) {
	cfg := alone(t, "--secrets-encryption")
	if err := os.MkdirAll(cfg.ServerDir("db"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.ServerDir("db", "state.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := newEncryption(cfg, foundDatastore{})
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := e.config(); err != nil || c.Enabled {
		t.Errorf("%v; want it to wait for `k3s secrets-encrypt enable`", err)
	}
}

func TestKeysAreThoseOfTheCluster(t *testing.T) {
	theirs := marshalled(t, encryption.New(encryption.AESCBC, true))
	for name, test := range map[string]struct {
		args  []string
		given []byte
		want  string
	}{
		"not given": {nil, theirs, ""}, "the same": {[]string{"--secrets-encryption"}, theirs, ""}, "none": {nil, nil, ""},
		"theirs have none":  {[]string{"--secrets-encryption"}, nil, "the servers of the cluster do not have it"},
		"switched off":      {[]string{"--secrets-encryption=false"}, theirs, "is false here"},
		"another provider":  {[]string{"--secrets-encryption-provider=secretbox"}, theirs, "is secretbox here, and the servers of the cluster have aescbc"},
		"something unknown": {nil, []byte("{}"), "does not know"},
	} {
		cfg := alone(t, test.args...)
		err := checkEncryption(cfg, test.given)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v; want %q", name, err, test.want)
		}
	}
}

// The API server of the test goes by whatever the file has when it is told to.
func TestOtherKeysAreTakenOnlyInThePlaceOfThoseThatAreKnown(t *testing.T) {
	e := &secretsEncryption{file: filepath.Join(t.TempDir(), "keys.json")}
	one := encryption.New(encryption.AESCBC, true)
	two, three := one.WithNewKey(), one.WithNewKey()
	a, b, c := marshalled(t, one), marshalled(t, two), marshalled(t, three)
	if err := os.WriteFile(e.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	hash, err := encryptionconfig.GetEncryptionConfigHash(e.file)
	if err != nil {
		t.Fatal(err)
	}
	encryptionmetrics.RegisterMetrics()
	encryptionmetrics.RecordEncryptionConfigLastConfigInfo("id", hash)
	if err := os.WriteFile(e.file, a, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // also if it was interrupted
		if err := e.apply(t.Context(), supervisor.EncryptionKeys{From: a, To: b}); err != nil {
			t.Fatal(err)
		}
	}
	for name, keys := range map[string]supervisor.EncryptionKeys{"others": {From: a, To: c}, "none": {From: b}} {
		if _, ok := e.apply(t.Context(), keys).(*supervisor.Refusal); !ok {
			t.Errorf("%s were taken", name)
		}
	}
	if now, err := os.ReadFile(e.file); err != nil || !bytes.Equal(now, b) {
		t.Errorf("%v; want the keys as they were", err)
	}
}
