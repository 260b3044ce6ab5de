package timerslack

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// slackOf is what a program has that this thread starts.
func slackOf(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("cat", "/proc/self/timerslack_ns").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestTheSlackIsThatOfAllThreadsButNotOfWhatTheyStart(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("expected root: the kernel lets others change only the thread that asks")
	}
	for range 4 { // threads of their own
		go func() { runtime.LockOSThread(); time.Sleep(time.Minute) }()
	}
	if err := Raise(); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil || len(threads) < 4 {
		t.Fatalf("there are %d threads, %v; want some", len(threads), err)
	}
	for _, thread := range threads {
		b, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if err == nil && strings.TrimSpace(string(b)) != "10000000" {
			t.Errorf("thread %s has %q; want 10 ms", thread.Name(), b)
		}
	}

	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if got := slackOf(t); got != "10000000" {
		t.Errorf("a program has %s ns; want what its parent has", got)
	}
	restore, err := Usual()
	if err != nil {
		t.Fatal(err)
	}
	if got := slackOf(t); got != "50000" {
		t.Errorf("a program has %s ns; want 50 µs", got)
	}
	restore()
	if got := slackOf(t); got != "10000000" {
		t.Errorf("afterwards a program has %s ns; want 10 ms again", got)
	}
}
