package join

import (
	"os"
	"path/filepath"
	"testing"
)

func TestNodePassword(t *testing.T) {
	disk, memory := "/var/tmp", "/dev/shm"
	derived := func() string { return "derived" }
	for _, dir := range []string{disk, memory} {
		dir, err := os.MkdirTemp(dir, "k3s-")
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		file := filepath.Join(dir, "node", "password")
		first, err := nodePassword(file, derived)
		if err != nil {
			t.Fatal(err)
		}
		if volatile := isVolatile(file); (first == "derived") != volatile || len(first) < 7 {
			t.Errorf("in %s, which is volatile: %v, the password is %q", dir, volatile, first)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v; want it for root only", info, err)
		}
		second, err := nodePassword(file, func() string { return "another" })
		if err != nil || second != first {
			t.Errorf("then %q, %v; want it kept", second, err)
		}
	}
	if !isVolatile(filepath.Join(memory, "x")) {
		t.Errorf("%s is taken for a disk", memory)
	}
}

func TestDerivedPassword(t *testing.T) {
	one := derivedPassword("secret", "one")
	if one == "" {
		t.Skip("nothing tells this machine from others")
	}
	if one != derivedPassword("secret", "one") || len(one) != 32 {
		t.Errorf("got %q, then another", one)
	}
	if one == derivedPassword("secret", "two") || one == derivedPassword("other", "one") {
		t.Error("the name or the secret does not count")
	}
}
