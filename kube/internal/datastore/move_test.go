package datastore

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// fill makes a database that has a log, by files alone.
func fill(t *testing.T) (SQLite, map[string][]byte) {
	t.Helper()
	db := SQLite{Dir: t.TempDir()}
	content := map[string][]byte{"": []byte("database"), walSuffix: []byte("log"), shmSuffix: []byte("index")}
	for suffix, b := range content {
		if err := os.WriteFile(db.file()+suffix, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return db, content
}

func TestACopyLeavesTheDatabaseAsItIs(t *testing.T) {
	db, content := fill(t)
	to, err := db.CopyTo(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	for suffix, want := range content {
		if got, err := os.ReadFile(db.file() + suffix); err != nil || !bytes.Equal(got, want) {
			t.Errorf("state.db%s: %q, %v; want %q", suffix, got, err, want)
		}
		got, err := os.ReadFile(to.file() + suffix)
		if suffix != shmSuffix && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("the copy's state.db%s: %q, %v; want %q", suffix, got, err, want)
		}
	}
	if _, err := (SQLite{Dir: t.TempDir()}).CopyTo(t.TempDir()); err == nil {
		t.Error("nothing was copied, without an error")
	}
}

func TestSetAsideCanBeCutAnywhere(t *testing.T) {
	for cut := range 3 {
		db, content := fill(t)
		for _, suffix := range []string{walSuffix, shmSuffix}[:cut] {
			if err := os.Rename(db.file()+suffix, db.Aside()+suffix); err != nil {
				t.Fatal(err)
			}
		}
		if !db.Exists() {
			t.Fatal("it counts as done before it is")
		}
		if err := db.SetAside(); err != nil {
			t.Fatal(err)
		}
		for suffix, want := range content {
			if got, err := os.ReadFile(db.Aside() + suffix); err != nil || !bytes.Equal(got, want) {
				t.Errorf("cut after %d: %q, %v; want %q", cut, got, err, want)
			}
		}
		if db.Exists() {
			t.Error("it is still there")
		}
	}
}
