package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
)

const commandsOfCertificates = `Certificates of this machine.

Usage:
  k3s certificate check        show them, and when they expire
  k3s certificate rotate       set them aside while k3s is stopped, so that its next start makes new ones

A running k3s renews each of them 90 days before its end, without a restart. ` + "`k3s certificate COMMAND --help` says more.\n"

func runCertificate(args []string) error { return certificateCommand(args[1:], os.Stdout, os.Stderr) }

func certificateCommand(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch args[0] {
	case "check":
		return checkCertificates(args[1:], stdout, stderr)
	case "rotate":
		return rotateCertificates(args[1:], stdout)
	case "rotate-ca":
		return errors.New("`k3s certificate rotate-ca` is not part of this build: all nodes, tokens and service accounts go by the authorities," +
			" which hold for ten years; to have other ones, found a new cluster, with your own in server/tls before its first start")
	case "help", "--help", "-h":
		fmt.Fprint(stdout, commandsOfCertificates)
		return nil
	}
	return fmt.Errorf("%q is not a command of `k3s certificate`: expected check or rotate", args[0])
}

// withServices has the flags that both commands have.
func (c *commandLine) withServices() *[]string {
	return c.StringSliceP("service", "s", nil, "`NAMES` of services (default all): "+strings.Join(pki.Services(), ", "))
}

func checkCertificates(args []string, stdout, stderr io.Writer) error {
	c := newCommandLine("k3s certificate check [flags]", "Show the certificates of this machine, and when they expire")
	names := c.withServices()
	output := c.StringP("output", "o", "text", "`FORMAT`: text, table, json or yaml")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	all, damaged, err := pki.Inspect(c.stateDir(), *names, time.Now())
	if err != nil {
		return err
	}
	for _, d := range damaged {
		fmt.Fprintf(stderr, "k3s: damaged, and made anew at the next start: %v\n", d)
	}
	list := struct{ Certificates []pki.Certificate }{all}
	switch *output {
	case "json":
		return json.NewEncoder(stdout).Encode(list)
	case "yaml":
		return writeYAML(stdout, list)
	case "table":
		return certificateTable(all, stdout)
	case "text":
		for _, one := range all {
			fmt.Fprintln(stdout, sentence(one))
		}
		return nil
	}
	return fmt.Errorf("--output: expected text, table, json or yaml, got %q", *output)
}

func certificateTable(all []pki.Certificate, stdout io.Writer) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "FILENAME\tSUBJECT\tUSAGES\tEXPIRES\tRESIDUAL TIME\tSTATUS")
	for _, one := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Filename, one.Subject, orNone(one.Usages...),
			one.ExpiryTime.UTC().Format("Jan 02, 2006 15:04 MST"), duration.HumanDuration(max(one.ResidualTime, 0)), one.Status)
	}
	return w.Flush()
}

func sentence(one pki.Certificate) string {
	what := fmt.Sprintf("%s: certificate %s (%s)", one.Filename, one.Subject, orNone(one.Usages...))
	when := one.ExpiryTime.UTC().Format(time.RFC3339)
	renewal, anew := "a running k3s renews it 90 days before", "a start of k3s makes a new one"
	if one.IsCA {
		renewal = "it is an authority, which k3s does not renew: found a new cluster before that"
		anew = "it was an authority, and k3s does not start without: found a new cluster"
	}
	switch one.Status {
	case pki.StatusNotYetValid:
		return fmt.Sprintf("ERROR %s does not hold yet: is the clock right? It expires at %s", what, when)
	case pki.StatusExpired:
		return fmt.Sprintf("ERROR %s expired at %s: %s", what, when, anew)
	case pki.StatusWarning:
		return fmt.Sprintf("WARNING %s expires within %d days, at %s: %s", what, pki.WarnBefore/(24*time.Hour), when, renewal)
	}
	return fmt.Sprintf("%s is ok, expires at %s", what, when)
}

// stateDir is the data directory of this machine, which may be a server or an agent.
func (c *commandLine) stateDir() string {
	if c.dataDir != "" {
		return c.dataDir
	}
	if cfg, err := localServer(""); err == nil {
		return cfg.DataDir
	}
	if cfg, _, err := config.ParseAgent(config.System(nil)); err == nil {
		return cfg.DataDir
	}
	return config.DefaultDataDir
}

func rotateCertificates(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s certificate rotate [flags]", "Set certificates aside, so that the next start of k3s makes new ones")
	names := c.withServices()
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	if port := runningAt(); port != 0 {
		return fmt.Errorf("k3s runs (something listens on port %d of this machine): stop it first, `rc-service k3s stop`; it renews its"+
			" certificates by itself 90 days before they end", port)
	}
	dir := c.stateDir()
	moved, dirs, err := pki.SetAside(dir, *names, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Set aside %s in %s. Start k3s, and it makes new ones.\n", strings.Join(moved, ", "), strings.Join(dirs, " and "))
	if _, err := os.Stat(filepath.Join(dir, "server", "tls")); err != nil {
		fmt.Fprintln(stdout, "This machine is an agent: it shows its token again, which has to be one that still counts.")
	}
	return nil
}

// runningAt is the port by which a running server or agent is known; 0 if there is none.
func runningAt() int {
	server, _, _ := config.Parse(config.System(nil))
	agent, _, _ := config.ParseAgent(config.System(nil))
	for _, port := range []int{server.HTTPSListenPort, agent.LBServerPort} {
		if port == 0 {
			continue
		}
		if c, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second); err == nil {
			c.Close()
			return port
		}
	}
	return 0
}
