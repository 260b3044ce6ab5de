package images

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestIsArchive(t *testing.T) {
	for name, want := range map[string]bool{
		"a.tar": true, "a.tar.gz": true, "a.tgz": true, "a.tar.zst": true, "a.txt": false, ".a.tar": false, "a.tar.part": false,
	} {
		if got := isArchive(name); got != want {
			t.Errorf("isArchive(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestNormalise(t *testing.T) {
	for name, want := range map[string]string{
		"busybox":          "docker.io/library/busybox:latest",
		"k3os.io/pause:1":  "k3os.io/pause:1",
		"user/app:v1":      "docker.io/user/app:v1",
		"not a reference!": "not a reference!",
	} {
		if got := normalise(name); got != want {
			t.Errorf("normalise(%q) = %q; want %q", name, got, want)
		}
	}
}

func TestRecordCurrent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.tar")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	r := record{info.Size(), info.ModTime(), []string{"i"}}
	if !r.current(info, map[string]bool{"i": true}) {
		t.Error("an unchanged file with its image there is to be loaded again; want it skipped")
	}
	if r.current(info, nil) {
		t.Error("a file whose image is gone is skipped; want it loaded again")
	}
	r.Modified = r.Modified.Add(time.Second)
	if r.current(info, map[string]bool{"i": true}) {
		t.Error("a changed file is skipped; want it loaded again")
	}
}
