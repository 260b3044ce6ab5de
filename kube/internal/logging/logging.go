// Package logging decides what Kubernetes' components may say, once for all of them.
package logging

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"k3os.io/kube/internal/config"
)

// SetUp lets errors through, or, from -v 1 on, everything up to that level. Upstream's warnings at level 0 are about
// its own future and number three dozen at every start.
func SetUp(cfg config.Node) error {
	if cfg.LogFile != "" {
		if err := redirect(cfg.LogFile); err != nil {
			return fmt.Errorf("--log: %w", err)
		}
	}
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(fs)
	level := cfg.Verbose
	// A component that applies its own configuration later (the kubelet does) must find this very one applied already:
	// then upstream leaves klog alone, and what is set up here stays.
	same := logsapi.NewLoggingConfiguration()
	same.Verbosity = logsapi.VerbosityLevel(level)
	if err := logsapi.ValidateAndApply(same, utilfeature.DefaultFeatureGate); err != nil {
		return err
	}
	klog.ClearLogger()
	values := map[string]string{"v": fmt.Sprint(level), "vmodule": cfg.VModule}
	if level == 0 && cfg.VModule == "" {
		values["logtostderr"] = "false"
		values["stderrthreshold"] = "4" // above FATAL: everything goes through the writers below
		values["one_output"] = "true"
		for _, severity := range []string{"INFO", "WARNING"} {
			klog.SetOutputBySeverity(severity, io.Discard)
		}
		klog.SetOutputBySeverity("ERROR", withoutNoise{newWithoutRepeats(os.Stderr)})
		klog.SetOutputBySeverity("FATAL", fatal{os.Stderr})
	}
	for name, value := range values {
		if err := fs.Set(name, value); err != nil {
			return fmt.Errorf("--%s %s: %w", name, value, err)
		}
	}
	return nil
}

// redirect appends to the file what this process and its children write to standard error.
func redirect(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Dup3(int(f.Fd()), unix.Stderr, 0)
}

// noise are lines that upstream logs as errors at every start, although nothing is wrong and nothing can be done.
var noise = [][]byte{
	[]byte("The manifest file is empty, ignoring"),
	[]byte("Failed to ensure state of IPTables chains"),
	[]byte("failed to fetch openapi paths"), // an admission plugin's first try, before the API serves
	[]byte("kube-system\\\" not found"),     // controllers that are quicker than the namespace
	[]byte("Housekeeping took longer"),
	[]byte("no imagefs label for configured runtime"), // cAdvisor, until containerd has answered once
}

var stopping atomic.Bool

// Stopping says that the process is about to end, so that a component which cannot bear that is not taken for broken.
func Stopping() { stopping.Store(true) }

// fatal ends the process with the message alone, before klog adds the stacks of ten thousand goroutines to it.
type fatal struct{ w io.Writer }

func (f fatal) Write(line []byte) (int, error) {
	if stopping.Load() {
		os.Exit(0)
	}
	_, _ = f.w.Write(line)
	os.Exit(1)
	return len(line), nil
}

type withoutNoise struct{ w io.Writer }

func (n withoutNoise) Write(line []byte) (int, error) {
	if stopping.Load() {
		return len(line), nil
	}
	for _, s := range noise {
		if bytes.Contains(line, s) {
			return len(line), nil
		}
	}
	return n.w.Write(line)
}
