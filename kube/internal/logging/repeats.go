package logging

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"time"
)

const (
	// repeatsFor is how long a message counts as said.
	repeatsFor = 10 * time.Second
	// repeatsShown is how often a message is shown in that time.
	repeatsShown = 5
	// repeatsKept bounds the memory for different messages.
	repeatsKept = 256
)

// withoutRepeats shows a message a few times, and then how often it was said besides: a server whose etcd has no
// majority says "no leader" for each of its watches, a thousand times a second. The count is shown with the next line
// that comes, so that a quiet log wakes nobody. klog writes one line at a time.
type withoutRepeats struct {
	w     io.Writer
	now   func() time.Time
	since time.Time
	said  map[string]int
}

func newWithoutRepeats(w io.Writer) *withoutRepeats {
	return &withoutRepeats{w: w, now: time.Now, said: map[string]int{}}
}

func (r *withoutRepeats) Write(line []byte) (int, error) {
	if now := r.now(); now.Sub(r.since) >= repeatsFor || len(r.said) == repeatsKept {
		if err := r.tell(); err != nil {
			return 0, err
		}
		r.since = now
	}
	message := messageOf(line)
	if r.said[message]++; r.said[message] > repeatsShown {
		return len(line), nil
	}
	return r.w.Write(line)
}

// tell shows what was left out, and forgets it.
func (r *withoutRepeats) tell() error {
	var lines []string
	for message, count := range r.said {
		if count > repeatsShown {
			lines = append(lines, fmt.Sprintf("k3s: said %d times more: %s\n", count-repeatsShown, message))
		}
	}
	clear(r.said)
	slices.Sort(lines)
	for _, line := range lines {
		if _, err := io.WriteString(r.w, line); err != nil {
			return err
		}
	}
	return nil
}

// messageOf is a line of klog without its severity, time and process, but with the place in the source.
func messageOf(line []byte) string {
	const header = len("E0102 15:04:05.000000 ")
	if len(line) > header && bytes.Contains(line, []byte("] ")) {
		if _, message, found := bytes.Cut(bytes.TrimLeft(line[header:], " "), []byte(" ")); found {
			line = message
		}
	}
	return string(bytes.TrimSpace(line))
}
