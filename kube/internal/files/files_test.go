package files

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestWriteReplacesAFileAndLeavesTheSameAlone(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "sub", "file")
	inode := func(data string, mode os.FileMode) uint64 {
		t.Helper()
		if err := Write(name, []byte(data), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(name); string(got) != data || info.Mode() != mode {
			t.Fatalf("%q, %v; want %q, %v", got, info.Mode(), data, mode)
		}
		return info.Sys().(*syscall.Stat_t).Ino
	}
	first := inode("a", 0o600)
	if inode("a", 0o600) != first {
		t.Error("the same again made another file")
	}
	if inode("b", 0o600) == first {
		t.Error("the file was changed in place")
	}
	inode("b", 0o644)
	if entries, err := os.ReadDir(filepath.Dir(name)); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want the file alone", entries, err)
	}
}

func TestWriteThatFailsLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "file")
	if err := os.Mkdir(name, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, []byte("a"), 0o600); err == nil {
		t.Error("a directory was replaced")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || !entries[0].IsDir() {
		t.Errorf("%v, %v; want the directory alone", entries, err)
	}
}
