// Package stage tells the world how far the start has come: one line for people, one JSON line for machines.
package stage

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// File collects the stages of this boot; `./k3os bench boot` reads it. It lies in /run, so a reboot empties it.
const File = "/run/k3s/stages.json"

// A Stage is a point of the start that is worth a measurement.
type Stage string

// The stages in the order in which a node passes them.
const (
	ProcessStart    Stage = "process-start"
	Joined          Stage = "joined" // an agent has what it needs of its cluster
	ContainerdReady Stage = "containerd-ready"
	APIReady        Stage = "api-ready"
	NodeReady       Stage = "node-ready"
	CoreDNSReady    Stage = "coredns-ready"
)

var (
	mu     sync.Mutex
	passed = map[Stage]bool{}
)

// Reached records that the process has come to s. Only the first call for a stage counts, so a caller need not know
// whether a component is starting or restarting. A /run that cannot be written costs the record, never the start.
func Reached(s Stage) {
	mu.Lock()
	defer mu.Unlock()
	if passed[s] {
		return
	}
	passed[s] = true
	up := uptime()
	fmt.Fprintf(os.Stderr, "k3s: %s (%.2f s after boot)\n", strings.ReplaceAll(string(s), "-", " "), up)
	line, _ := json.Marshal(struct {
		Stage  Stage   `json:"stage"`
		Uptime float64 `json:"uptime_s"`
		PID    int     `json:"pid"`
	}{s, up, os.Getpid()})
	if os.MkdirAll("/run/k3s", 0o755) != nil {
		return
	}
	f, err := os.OpenFile(File, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer f.Close()
	_, _ = f.Write(append(line, '\n'))
}

func uptime() float64 {
	b, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0
	}
	seconds, _, _ := strings.Cut(string(b), " ")
	v, _ := strconv.ParseFloat(seconds, 64)
	return v
}
