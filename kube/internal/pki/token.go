package pki

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/token"
)

// EnsureTokens writes the join token to serverDir/token and the one of agents to serverDir/agent-token, with the links
// that k3s has. given is what the user asked for: a secret, or a whole token, which is refused if it was made for
// another authority than the one in caFile. When it is empty, the secret from before is kept, or a random one made. An
// empty givenAgent lets agents join with the same token.
func EnsureTokens(serverDir, caFile, given, givenAgent string) error {
	file := filepath.Join(serverDir, "token")
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	secret, err := secretOf(file, "--token", ca, given)
	if err != nil {
		return err
	}
	if err := files.Write(file, []byte(token.Format(ca, token.Server, secret)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot write the token: %w", err)
	}
	agentFile := AgentTokenFile(serverDir)
	if err := link(file, filepath.Join(serverDir, "node-token")); err != nil {
		return err
	}
	if givenAgent == "" {
		return link(file, agentFile)
	}
	if secret, err = secretOf(agentFile, "--agent-token", ca, givenAgent); err != nil {
		return err
	}
	if err := files.Write(agentFile, []byte(token.Format(ca, token.Node, secret)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot write the token of agents: %w", err)
	}
	return nil
}

// AgentTokenFile holds the token of agents, or leads to that of servers.
func AgentTokenFile(serverDir string) string { return filepath.Join(serverDir, "agent-token") }

func link(file, name string) error {
	if to, _ := os.Readlink(name); to == file {
		return nil
	}
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(file, name)
}

func secretOf(file, flag string, ca []byte, given string) (string, error) {
	if given != "" {
		t, err := token.Parse(given)
		if err == nil {
			err = t.CheckAuthority(ca)
		}
		if err != nil {
			return "", fmt.Errorf("%s: %w (this server's is in %s; the secret alone will do, too)", flag, err, file)
		}
		return t.Secret, nil
	}
	// The hash in the file may be that of an authority that was replaced; the secret stays.
	if b, err := os.ReadFile(file); err == nil {
		if t, err := token.Parse(strings.TrimSpace(string(b))); err == nil {
			return t.Secret, nil
		}
	}
	return token.RandomSecret(), nil
}
