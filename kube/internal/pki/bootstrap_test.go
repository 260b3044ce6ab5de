package pki

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAServerThatJoinsAnewDropsWhatItHasOfBefore(t *testing.T) {
	shared := Bootstrap{}
	for name := range bootstrapFiles {
		shared[name] = BootstrapFile{Content: []byte(name)}
	}
	with := func(name, content string) Bootstrap {
		b := Bootstrap{name: {Content: []byte(content)}}
		for name, file := range shared {
			b[name] = file
		}
		return b
	}
	for name, tt := range map[string]struct {
		given      Bootstrap
		serial     uint64
		keys, kept string
	}{
		"a cluster without":    {shared, 0, "", "own"},
		"with a serial number": {with(tokenSerial, "2\n"), 2, "", "own"},
		"with other keys":      {with(encryptionConfig, "theirs"), 0, "theirs", "own"},
		"with the same keys":   {with(encryptionConfig, "own"), 0, "own", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			store := New(filepath.Join(dir, "tls"), filepath.Join(dir, "agent"), Names{})
			store.Etcd = true
			keys := EncryptionFile(dir)
			for file, content := range map[string]string{
				filepath.Join(dir, serialFile): "3\n", filepath.Join(dir, retiredFile): hashSecret("salt", "old") + "\n", keys: "own",
			} {
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // also if it was interrupted
				if err := store.KeepBootstrap(tt.given); err != nil {
					t.Fatal(err)
				}
			}
			if IsRetired(dir, "old") || TokenSerial(dir) != tt.serial {
				t.Errorf("retired %v, serial %d; want what the cluster knows", IsRetired(dir, "old"), TokenSerial(dir))
			}
			if b, _ := os.ReadFile(keys); string(b) != tt.keys {
				t.Errorf("the keys of Secrets are %q; want %q", b, tt.keys)
			}
			if b, _ := os.ReadFile(keys + ".before-joining"); string(b) != tt.kept {
				t.Errorf("the keys of before are %q; want %q", b, tt.kept)
			}
		})
	}
}

func TestTheKeysOfAServerOfAnotherClusterStay(t *testing.T) {
	dir := t.TempDir()
	store := New(filepath.Join(dir, "tls"), filepath.Join(dir, "agent"), Names{})
	given := Bootstrap{}
	for name, file := range store.bootstrapFiles() {
		given[name] = BootstrapFile{Content: []byte("theirs")}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(store.Server, file)), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	keys := EncryptionFile(dir)
	if err := os.MkdirAll(filepath.Dir(keys), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{keys, store.CertFile(ClientCA)} {
		if err := os.WriteFile(file, []byte("own"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.KeepBootstrap(given); err == nil {
		t.Fatal("another cluster's authorities were written over")
	}
	if b, err := os.ReadFile(keys); err != nil || string(b) != "own" {
		t.Errorf("the keys of Secrets are %q, %v; want them left", b, err)
	}
	if _, err := os.Stat(store.CertFile(ServerCA)); err == nil {
		t.Error("the authority was written")
	}
}

func TestTheAuthorityOfServersIsWrittenLast(t *testing.T) {
	given := Bootstrap{}
	for name := range bootstrapFiles {
		given[name] = BootstrapFile{Content: []byte("x")}
	}
	for range 10 { // a map has another order each time
		dir := t.TempDir()
		store := New(filepath.Join(dir, "tls"), filepath.Join(dir, "agent"), Names{})
		store.Etcd = true
		if err := store.KeepBootstrap(given); err != nil {
			t.Fatal(err)
		}
		last, err := os.Stat(store.CertFile(ServerCA))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range bootstrapFiles {
			if info, err := os.Stat(filepath.Join(store.Server, file)); err != nil || info.ModTime().After(last.ModTime()) {
				t.Errorf("%s is later than the certificate of the servers' authority, or not there: %v", file, err)
			}
		}
	}
}
