package localpath

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const pv = "pvc-0b8e6c1e-35a5-4c5e-9b0e-6a3a4a1d2f00"

func TestOrdersReadAsTheyAreWritten(t *testing.T) {
	for _, o := range []order{
		{verb: toMake, path: "/s/" + pv + "_ns_claim"},
		{verb: toRemove, path: "/with a space/" + pv + "_ns_claim"},
		{verb: toMake, path: "/s/x", answer: done},
		{verb: toRemove, path: "/s/x", answer: failed, reason: "unlinkat /s/x: busy: sorry"},
	} {
		if got, ok := parseOrder(o.String()); !ok || got != o {
			t.Errorf("parseOrder(%q) = %+v, %v; want %+v", o, got, ok, o)
		}
	}
	for _, text := range []string{"", "make", "done", "done make", "format /dev/sda", "failed"} {
		if got, ok := parseOrder(text); ok {
			t.Errorf("parseOrder(%q) = %+v; want none", text, got)
		}
	}
}

func FuzzParseOrder(f *testing.F) {
	f.Add("done make /s/x")
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := parseOrder(text); ok && o.answer != failed {
			if again, ok := parseOrder(o.String()); !ok || again != o {
				t.Errorf("%q is %+v, which reads as %+v", text, o, again)
			}
		}
	})
}

func TestADirectoryIsMadeForEveryoneAndRemovedWithAllThatIsInIt(t *testing.T) {
	root := filepath.Join(t.TempDir(), "storage")
	path := directory(root, pv, "ns", "claim")
	for range 2 {
		if err := makeDirectory(pv, path); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]os.FileMode{root: 0o700, path: 0o777} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
	outside := filepath.Join(t.TempDir(), "kept")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(path, "link")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := removeDirectory(pv, path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("what a link leads to is gone: %v", err)
	}
}

func TestADirectoryIsMadeForEveryoneAfterAPowerCut(t *testing.T) {
	for name, tt := range map[string]struct {
		mode os.FileMode
		file string
		want os.FileMode
	}{
		"it was begun":          {0o700, "", 0o777},
		"its pod has chosen so": {0o700, "PG_VERSION", 0o700},
		"it is private, empty":  {0o750, "", 0o750},
	} {
		path := directory(t.TempDir(), pv, "ns", "claim")
		if err := os.Mkdir(path, tt.mode); err != nil {
			t.Fatal(err)
		}
		if tt.file != "" {
			if err := os.WriteFile(filepath.Join(path, tt.file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := makeDirectory(pv, path); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != tt.want {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, tt.want)
		}
	}
}

func TestNothingElseIsRemoved(t *testing.T) {
	root := t.TempDir()
	good := directory(root, pv, "ns", "claim")
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ volume, path, want string }{
		{pv, root, "is not the directory of volume"},
		{pv, "/", "is not the directory of volume"},
		{pv, "/" + pv + "_ns_claim", "is not the directory of volume"},
		{pv, root + "/pvc-0b8e6c1e-35a5-4c5e-9b0e-6a3a4a1d2f01_ns_claim", "is not the directory of volume"},
		{pv, root + "/x/../" + pv + "_ns_claim", "is not the absolute path"},
		{pv, pv + "_ns_claim", "is not the absolute path"},
		{"data", root + "/data_ns_claim", "is not the name of a volume"},
		{pv, good, "is not a directory"}, // a link
	} {
		if err := removeDirectory(tt.volume, tt.path); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("removeDirectory(%s, %s) = %v; want an error with %q", tt.volume, tt.path, err, tt.want)
		}
	}
	if _, err := os.Stat(elsewhere); err != nil {
		t.Error(err)
	}
}

func TestWhatIsMountedBelowStays(t *testing.T) {
	root := t.TempDir()
	path := directory(root, pv, "ns", "claim")
	below := filepath.Join(path, "below")
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", below, "tmpfs", 0, ""); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	kept := filepath.Join(below, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := removeDirectory(pv, path)
	_, missing := os.Stat(kept)
	if err := unix.Unmount(below, 0); err != nil {
		t.Fatal(err)
	}
	if err == nil || !strings.Contains(err.Error(), "unmount it first") || missing != nil {
		t.Errorf("removeDirectory = %v, the file: %v; want a refusal", err, missing)
	}
	if err := removeDirectory(pv, path); err != nil {
		t.Error(err)
	}
}
