package logging

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// line is one of klog's.
func line(second int, message string) string {
	return fmt.Sprintf("E1130 04:43:%02d.553870   15345 watcher.go:425] %s\n", second, message)
}

func TestWithoutRepeatsShowsTheFirstAndCountsTheOthers(t *testing.T) {
	var shown strings.Builder
	now := time.Unix(0, 0)
	w := newWithoutRepeats(&shown)
	w.now = func() time.Time { return now }
	say := func(text string) {
		t.Helper()
		if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	for i := range 1000 {
		say(line(i%9, "watch chan error: etcdserver: no leader"))
	}
	say(line(9, "another error"))
	if got := strings.Count(shown.String(), "no leader"); got != repeatsShown {
		t.Errorf("shown %d times, want %d", got, repeatsShown)
	}
	if !strings.Contains(shown.String(), "another error") {
		t.Error("another message was not shown")
	}
	shown.Reset()
	now = now.Add(repeatsFor)
	say(line(11, "watch chan error: etcdserver: no leader"))
	want := "k3s: said 995 times more: watcher.go:425] watch chan error: etcdserver: no leader\n" +
		line(11, "watch chan error: etcdserver: no leader")
	if shown.String() != want {
		t.Errorf("shown:\n%swant:\n%s", shown.String(), want)
	}
}

func TestWithoutRepeatsForgetsWhatIsTooMuch(t *testing.T) {
	var shown strings.Builder
	w := newWithoutRepeats(&shown)
	for i := range 10 * repeatsKept {
		if _, err := fmt.Fprint(w, line(0, fmt.Sprintf("error %d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if len(w.said) > repeatsKept {
		t.Errorf("%d messages are kept, want at most %d", len(w.said), repeatsKept)
	}
	if got := strings.Count(shown.String(), "\n"); got != 10*repeatsKept {
		t.Errorf("%d lines are shown, want all %d", got, 10*repeatsKept)
	}
}

func TestMessageOfLinesThatAreNotOfKlog(t *testing.T) {
	for _, text := range []string{"", "\n", "short", "a line of something else without a place"} {
		if got := messageOf([]byte(text)); got != strings.TrimSpace(text) {
			t.Errorf("messageOf(%q) = %q", text, got)
		}
	}
}
