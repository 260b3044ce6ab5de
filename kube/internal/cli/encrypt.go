package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/supervisor"
)

const commandsOfEncryption = `How Secrets are stored, on all servers. They run with --secrets-encryption.

Usage:
  k3s secrets-encrypt status       show whether they are encrypted, and by which keys
  k3s secrets-encrypt enable       encrypt all of them
  k3s secrets-encrypt disable      store all of them as they are
  k3s secrets-encrypt rotate-keys  encrypt all of them with a new key, and drop the others

` + "`k3s secrets-encrypt COMMAND --help` says more.\n"

func runEncryption(args []string) error { return encryptionCommand(args[1:], os.Stdout) }

func encryptionCommand(args []string, stdout io.Writer) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	yes, no, stage := true, false, supervisor.StageRotateKeys
	switch args[0] {
	case "status":
		return encryptionStatus(args[1:], stdout)
	case "enable":
		return changeEncryption("enable", "Encrypt all Secrets", supervisor.EncryptionChange{Enable: &yes}, args[1:], stdout)
	case "disable":
		return changeEncryption("disable", "Store all Secrets as they are", supervisor.EncryptionChange{Enable: &no}, args[1:], stdout)
	case "rotate-keys":
		return changeEncryption("rotate-keys", "Encrypt all Secrets with a new key", supervisor.EncryptionChange{Stage: &stage}, args[1:], stdout)
	case "prepare", "rotate", "reencrypt":
		return fmt.Errorf("`k3s secrets-encrypt %s` is a step of what k3s did by hand: `k3s secrets-encrypt rotate-keys` does all of them,"+
			" without a restart", args[0])
	case "help", "--help", "-h":
		fmt.Fprint(stdout, commandsOfEncryption)
		return nil
	}
	return fmt.Errorf("%q is not a command of `k3s secrets-encrypt`: expected status, enable, disable or rotate-keys", args[0])
}

func encryptionStatus(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s secrets-encrypt status [flags]", "Show whether Secrets are encrypted, and by which keys").asServer()
	output := c.StringP("output", "o", "text", "`FORMAT`: text or json")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	peer, err := c.peer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	status, err := peer.EncryptionStatus(ctx)
	if err != nil {
		return err
	}
	switch *output {
	case "json":
		b, err := json.MarshalIndent(status, "", "\t")
		if err == nil {
			_, err = fmt.Fprintln(stdout, string(b))
		}
		return err
	case "text":
		return tellEncryption(status, stdout)
	}
	return fmt.Errorf("--output: expected text or json, got %q", *output)
}

func tellEncryption(s supervisor.EncryptionStatus, stdout io.Writer) error {
	if s.Enable == nil {
		fmt.Fprintln(stdout, "Encryption Status: Disabled, this server runs without --secrets-encryption")
		return nil
	}
	state, how := "Disabled", "as they are"
	if *s.Enable {
		state, how = "Enabled", "with the active key"
	}
	fmt.Fprintf(stdout, "Encryption Status: %s\nCurrent Rotation Stage: %s\nSecrets: %d, %d of them stored %s\n", state, s.Stage, s.Secrets, s.UpToDate, how)
	if s.Running != "" {
		fmt.Fprintf(stdout, "Under Way: %s, %d done\n", s.Running, s.Done)
	}
	if s.Running == "" && s.UpToDate < s.Secrets {
		fmt.Fprintln(stdout, "A change was not done to its end: all Secrets can be read, and the same command again does the rest.")
	}
	if s.Failed != "" {
		fmt.Fprintf(stdout, "The Last Change Failed: %s\n", s.Failed)
	}
	fmt.Fprintln(stdout)
	kind := map[string]string{"aescbc": "AES-CBC", "secretbox": "XSalsa20-POLY1305"}[s.Provider]
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "Active\tKey Type\tName\n------\t--------\t----\n")
	if s.ActiveKey != "" {
		fmt.Fprintf(w, " *\t%s\t%s\n", kind, s.ActiveKey)
	}
	for _, k := range s.InactiveKeys {
		fmt.Fprintf(w, "\t%s\t%s\n", kind, k)
	}
	return w.Flush()
}

func changeEncryption(name, short string, change supervisor.EncryptionChange, args []string, stdout io.Writer) error {
	c := newCommandLine("k3s secrets-encrypt "+name+" [flags]", short).asServer()
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	peer, err := c.peer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	err = peer.ChangeEncryption(ctx, change)
	cancel()
	if err != nil {
		return err
	}
	return followEncryption(peer, stdout)
}

// followEncryption tells how a change goes on, which needs nobody who watches.
func followEncryption(peer *join.Peer, stdout io.Writer) error {
	last := ""
	for {
		ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
		status, err := peer.EncryptionStatus(ctx)
		cancel()
		if err != nil {
			return fmt.Errorf("the server cannot be asked how it goes on: %w; `k3s secrets-encrypt status` tells later", err)
		}
		switch {
		case status.Failed != "":
			return fmt.Errorf("it was not done to its end, and nothing is lost: %s", status.Failed)
		case status.Running == "":
			return tellEncryption(status, stdout)
		}
		line := status.Running
		if status.Done > 0 {
			line += fmt.Sprintf(", %d of %d Secrets", status.Done, status.Secrets)
		}
		if line != last {
			last = line
			fmt.Fprintln(stdout, line)
		}
		time.Sleep(time.Second)
	}
}
