package pki

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/token"
)

// EnsureToken writes the join token to serverDir/token, with the links that k3s has. given is what the user asked for:
// a secret, or a whole token, which is refused if it was made for another authority than the one in caFile. When it is
// empty, the secret from before is kept, or a random one made.
func EnsureToken(serverDir, caFile, given string) error {
	file := filepath.Join(serverDir, "token")
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	secret, err := secretOf(file, ca, given)
	if err != nil {
		return err
	}
	if err := files.Write(file, []byte(token.Format(ca, secret)+"\n"), 0o600); err != nil {
		return fmt.Errorf("cannot write the token: %w", err)
	}
	for _, link := range []string{"node-token", "agent-token"} {
		name := filepath.Join(serverDir, link)
		if to, _ := os.Readlink(name); to == file {
			continue
		}
		_ = os.Remove(name)
		if err := os.Symlink(file, name); err != nil {
			return err
		}
	}
	return nil
}

func secretOf(file string, ca []byte, given string) (string, error) {
	if given != "" {
		t, err := token.Parse(given)
		if err == nil {
			err = t.CheckAuthority(ca)
		}
		if err != nil {
			return "", fmt.Errorf("--token: %w (this server's is in %s; the secret alone will do, too)", err, file)
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
