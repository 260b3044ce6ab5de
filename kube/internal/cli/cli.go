// Package cli chooses what this binary is: by the name it was called by, or by its first argument.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"k8s.io/component-base/version"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/components"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/logging"
	"k3os.io/kube/internal/server"
	"k3os.io/kube/internal/timerslack"
)

// A command is run with its arguments, its own name first.
type command struct {
	name, short string
	run         func(args []string) error
	alias       bool // also reached by argv[0]
	hidden      bool
}

func commands() []command {
	known := []command{
		{name: "server", short: "Run a Kubernetes server, and a node beside it", run: runServer},
		{name: "agent", short: "Join a cluster as a node", run: runAgent},
		{name: "kubectl", short: "Kubernetes' command line", run: runKubectl, alias: true},
		{name: "crictl", short: "Ask the container runtime, as the kubelet does", run: runCrictl, alias: true},
		{name: "ctr", short: "containerd's own command line", run: runCtr, alias: true},
		{name: "etcd-snapshot", short: "Save, list and delete snapshots of etcd", run: runSnapshot},
		{name: "token", short: "Print the join token, make and change tokens", run: runToken},
		{name: "certificate", short: "Show the certificates of this machine, set them aside", run: runCertificate},
		{name: "secrets-encrypt", short: "Encrypt Secrets, change their keys", run: runEncryption},
		{name: "completion", short: "Print a script that completes k3s in bash, zsh or fish", run: runCompletion},
		{name: completeCommand, run: runComplete, hidden: true},
		{name: "containerd", run: runContainerd, alias: true, hidden: true},
	}
	for _, c := range components.All {
		if c.Main == nil {
			continue
		}
		run := func(args []string) error { return c.Main(args[1:]) }
		known = append(known, command{name: c.Name, run: run, hidden: true})
	}
	return known
}

// unsupported are k3s's commands that this build does not have, each with what to do instead.
var unsupported = map[string]string{
	"check-config": "`sudo k3os status` says what keeps a node from being Ready; k3s checks its machine at each start",
}

// Main returns the exit status.
func Main(args []string) int {
	err := dispatch(args, os.Stdout)
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintf(os.Stderr, "k3s: %s\n", strings.TrimSpace(err.Error()))
	return 1
}

// exitStatus ends the process when everything has been said already.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func dispatch(args []string, stdout io.Writer) error {
	called := filepath.Base(args[0])
	for _, c := range commands() {
		if c.alias && c.name == called {
			return c.run(args)
		}
	}
	// k3s-server is `k3s server`, as with k3s.
	if name, ok := strings.CutPrefix(called, "k3s-"); ok {
		args = slices.Concat([]string{"k3s", name}, args[1:])
	}
	if len(args) < 2 {
		usage(stdout)
		return nil
	}
	switch args[1] {
	case "--version", "-v", "version":
		fmt.Fprintf(stdout, "k3s version %s (k3OS build of upstream Kubernetes; not the k3s project's binary)\n%s\n", version.Get().GitVersion, goVersion())
		return nil
	case "--help", "-h", "help":
		usage(stdout)
		return nil
	}
	for _, c := range commands() {
		if c.name == args[1] {
			return c.run(args[1:])
		}
	}
	if reason, ok := unsupported[args[1]]; ok {
		return fmt.Errorf("`k3s %s` is not part of this build: %s", args[1], reason)
	}
	var known []string
	for _, c := range commands() {
		if !c.hidden {
			known = append(known, c.name)
		}
	}
	return fmt.Errorf("%q is not a command of this build; it has %s", args[1], strings.Join(known, ", "))
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Kubernetes in one binary, with k3s's command line.\n\nUsage:\n  k3s COMMAND [flags]\n\nCommands:\n")
	for _, c := range commands() {
		if !c.hidden {
			fmt.Fprintf(w, "  %-15s %s\n", c.name, c.short)
		}
	}
	fmt.Fprint(w, "\nExamples:\n  k3s server --write-kubeconfig-mode 644\n  k3s kubectl get nodes\n  k3s crictl ps\n\n`k3s COMMAND --help` says more.\n")
}

func goVersion() string { return "go version " + runtime.Version() }

func runServer(args []string) error {
	cfg, warnings, err := config.Parse(config.System(args[1:]))
	if errors.Is(err, config.ErrHelp) {
		config.WriteHelp(os.Stdout, config.RoleServer)
		return nil
	}
	warn(warnings)
	if err != nil {
		return err
	}
	if err := logging.SetUp(cfg.Node); err != nil {
		return err
	}
	sleepLonger()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return server.Run(ctx, cfg)
}

func runAgent(args []string) error {
	cfg, warnings, err := config.ParseAgent(config.System(args[1:]))
	if errors.Is(err, config.ErrHelp) {
		config.WriteHelp(os.Stdout, config.RoleAgent)
		return nil
	}
	warn(warnings)
	if err != nil {
		return err
	}
	if err := logging.SetUp(cfg.Node); err != nil {
		return err
	}
	sleepLonger()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return agent.Run(ctx, cfg)
}

// sleepLonger saves wake-ups of an idle node, which works without that, too.
func sleepLonger() {
	if err := timerslack.Raise(); err != nil {
		warn([]string{fmt.Sprintf("timers wake the processor one by one: %v", err)})
	}
}

func warn(warnings []string) {
	for _, w := range warnings {
		fmt.Fprintf(os.Stderr, "k3s: warning: %s\n", w)
	}
}
