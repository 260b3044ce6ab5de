// Package memory decides how much memory the garbage collector may leave uncollected.
package memory

import (
	"os"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// While starting, nearly everything allocated stays; collecting it over and over cost a quarter of the CPU time.
	startPercent = 400
	startMost    = 320 << 20 // but never so much that a machine of 1 GB has to swap
	// Afterwards the node's memory belongs to its pods: about 80 MB are in use, so this keeps 32 MB of garbage at most.
	runPercent = 40
	// quiet is when the informers' first lists are garbage.
	quiet = 10 * time.Second
)

// Start sets the collector for a start and returns what sets it for the time after. GOGC and GOMEMLIMIT in the
// environment overrule both.
func Start() (settle func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	debug.SetGCPercent(startPercent)
	old := debug.SetMemoryLimit(startLimit(total()))
	return func() {
		time.AfterFunc(quiet, func() {
			debug.SetMemoryLimit(old)
			debug.SetGCPercent(runPercent)
			debug.FreeOSMemory()
		})
	}
}

// startLimit is for a machine of so many bytes: on a small one, containerd and the system need the other half, and
// the files of the programs that run.
func startLimit(total uint64) int64 {
	return int64(min(total*2/5, startMost))
}

// total is the memory of this machine in bytes, as sysinfo(2) has it.
func total() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return startMost * 5 // only a wrong address makes it fail
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}
