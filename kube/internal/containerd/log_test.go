package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBoundedLog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "containerd.log")
	if err := os.WriteFile(name, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openLog(name, 100)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Repeat("x", 29) + "\n"
	for range 7 { // 3 beside what was there, 3 in the next file, 1 in the one after
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("Write = %d, %v; want %d", n, err, len(line))
		}
	}
	read := func(name string) string {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	}
	if got := read(name); got != line {
		t.Errorf("the log is %q; want the last line", got)
	}
	if got, want := read(name+".1"), strings.Repeat(line, 3); got != want {
		t.Errorf("the old log is %q; want %q", got, want)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("Write to a log that cannot be written = %d, %v; want that nobody notices", n, err)
	}
}
