// Package memory decides how much memory the garbage collector may leave uncollected.
package memory

import (
	"os"
	"runtime/debug"
	"time"
)

const (
	// While starting, nearly everything allocated stays; collecting it over and over cost a quarter of the CPU time.
	startPercent = 400
	startLimit   = 320 << 20 // but never so much that a machine of 1 GB has to swap
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
	old := debug.SetMemoryLimit(startLimit)
	return func() {
		time.AfterFunc(quiet, func() {
			debug.SetMemoryLimit(old)
			debug.SetGCPercent(runPercent)
			debug.FreeOSMemory()
		})
	}
}
