package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/snapshots"
	"k3os.io/kube/internal/supervisor"
)

const snapshotHelp = `Save what etcd has, through the server that runs on this machine.

Usage:
  k3s etcd-snapshot save [--name NAME] [flags]
  k3s etcd-snapshot ls [-o json]
  k3s etcd-snapshot delete NAME…
  k3s etcd-snapshot prune [--name NAME] [--snapshot-retention N]

What a flag does not say is as the server was started.

Flags:
`

// snapshotOptions are the flags.
type snapshotOptions struct {
	dataDir, server, token string
	name, dir, output      string
	compress               bool
	retention              int
}

func (o *snapshotOptions) flags() *pflag.FlagSet {
	f := pflag.NewFlagSet("k3s etcd-snapshot", pflag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.SortFlags = false
	f.StringVar(&o.name, "name", "on-demand", "what the name of the snapshot begins with: `NAME`-NODE-TIME")
	f.StringVar(&o.dir, "etcd-snapshot-dir", "", "`DIR` of the server's machine (also --dir)")
	f.BoolVar(&o.compress, "etcd-snapshot-compress", false, "compress it (also --snapshot-compress)")
	f.IntVar(&o.retention, "etcd-snapshot-retention", 0, "`NUMBER` of snapshots of that name that are kept, 0 is all (default that of the server; also --snapshot-retention)")
	f.StringVarP(&o.output, "output", "o", "", "`FORMAT` of ls: json")
	f.StringVarP(&o.dataDir, "data-dir", "d", "", "where the server keeps its state, a `DIR`")
	f.StringVarP(&o.server, "etcd-server", "s", "", "ask the server at `URL` instead, with --etcd-token")
	f.StringVarP(&o.token, "etcd-token", "t", "", "`TOKEN` of servers for that")
	short := map[string]string{
		"dir": "etcd-snapshot-dir", "snapshot-compress": "etcd-snapshot-compress", "snapshot-retention": "etcd-snapshot-retention",
	}
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if long, ok := short[name]; ok {
			name = long
		}
		return pflag.NormalizedName(name)
	})
	return f
}

func runSnapshot(args []string) error { return snapshot(args[1:], os.Stdout) }

func snapshot(args []string, stdout io.Writer) error {
	var o snapshotOptions
	f := o.flags()
	err := f.Parse(args)
	if errors.Is(err, pflag.ErrHelp) || err == nil && f.NArg() == 0 {
		fmt.Fprint(stdout, snapshotHelp+f.FlagUsages())
		return nil
	}
	if err != nil && strings.Contains(err.Error(), "s3") {
		return errors.New("k3s etcd-snapshot: S3 is a setting of the server in this build: start it with --etcd-s3 and what" +
			" belongs to it, and every snapshot goes there, too")
	}
	if err != nil {
		return fmt.Errorf("%w; `k3s etcd-snapshot --help` lists the flags", err)
	}
	request := snapshots.Request{Operation: f.Arg(0)}
	switch request.Operation {
	case "ls", "list", "l":
		request.Operation = snapshots.List
	case snapshots.Save, snapshots.Prune, snapshots.Delete:
	default:
		return fmt.Errorf("k3s etcd-snapshot: expected save, ls, delete or prune, got %q", f.Arg(0))
	}
	names := f.Args()[1:]
	switch {
	case request.Operation == snapshots.Delete && len(names) == 0:
		return errors.New("k3s etcd-snapshot delete: which one? `k3s etcd-snapshot ls` has their names")
	case request.Operation == snapshots.Delete:
		request.Name = names
	case len(names) > 0:
		return fmt.Errorf("k3s etcd-snapshot %s: %q is no flag", f.Arg(0), names[0])
	default:
		request.Name = []string{o.name}
	}
	if o.output != "" && o.output != "json" {
		return fmt.Errorf("--output: expected json, got %q", o.output)
	}
	if f.Changed("etcd-snapshot-dir") {
		if o.dir, err = filepath.Abs(o.dir); err != nil {
			return err
		}
		request.Dir = &o.dir
	}
	if f.Changed("etcd-snapshot-compress") {
		request.Compress = &o.compress
	}
	if f.Changed("etcd-snapshot-retention") {
		request.Retention = &o.retention
	}
	answer, err := o.ask(request)
	if err != nil {
		return err
	}
	if request.Operation == snapshots.List {
		return writeList(stdout, answer, o.output == "json")
	}
	return writeResult(stdout, answer)
}

func (o snapshotOptions) ask(request snapshots.Request) ([]byte, error) {
	cfg, err := localServer(o.dataDir)
	if err != nil {
		return nil, err
	}
	if o.server != "" {
		cfg.ServerURL, cfg.Token = o.server, o.token
		peer, err := join.NewPeer(cfg, "", nil)
		if err != nil {
			return nil, fmt.Errorf("--etcd-token: %w", err)
		}
		return peer.Ask(context.Background(), supervisor.PathSnapshot, request)
	}
	kubeconfig := cfg.ServerDir("cred", "supervisor.kubeconfig")
	if _, err := os.Stat(kubeconfig); err != nil {
		return nil, fmt.Errorf("there is no server in %s (are you root, and is this a server?): %w", cfg.DataDir, err)
	}
	client, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	return post(client, request)
}

func post(client *rest.Config, body any) ([]byte, error) {
	h, err := rest.HTTPClientFor(client)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	answer, err := h.Post(client.Host+supervisor.PathSnapshot, "application/json", bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("the server of this machine does not answer (does k3s run?): %w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(said)))
	}
	return said, err
}

func writeList(w io.Writer, answer []byte, asJSON bool) error {
	if asJSON {
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, answer, "", "  "); err != nil {
			return err
		}
		_, err := pretty.WriteTo(w)
		return err
	}
	var list snapshots.Files
	if err := json.Unmarshal(answer, &list); err != nil {
		return err
	}
	if list.Warning != "" {
		fmt.Fprintf(os.Stderr, "k3s: %s\n", list.Warning)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "Name\tLocation\tSize\tCreated")
	for _, f := range list.Items {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Spec.SnapshotName, f.Spec.Location, f.Status.Size,
			f.Status.CreationTime.Format(time.RFC3339))
	}
	return table.Flush()
}

func writeResult(w io.Writer, answer []byte) error {
	var result snapshots.Result
	if err := json.Unmarshal(answer, &result); err != nil {
		return err
	}
	for _, name := range result.Created {
		fmt.Fprintf(w, "Snapshot %s saved.\n", name)
	}
	for _, name := range result.Deleted {
		fmt.Fprintf(w, "Snapshot %s deleted.\n", name)
	}
	if len(result.Created)+len(result.Deleted) == 0 {
		fmt.Fprintln(w, "No snapshot was to be deleted.")
	}
	if len(result.Created) > 0 {
		fmt.Fprintln(w, "Keep the token of servers (server/token) with it, elsewhere: without it a snapshot cannot be restored"+
			" on another machine.")
	}
	return nil
}
