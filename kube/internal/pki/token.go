package pki

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// EnsureToken writes the join token that holds secret to serverDir/token, with the links that k3s has. Without a secret
// the one from before is kept, or a random one made.
func EnsureToken(serverDir, caFile, secret string) error {
	file := filepath.Join(serverDir, "token")
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	if secret == "" {
		if old, err := os.ReadFile(file); err == nil {
			secret = Secret(strings.TrimSpace(string(old)))
		}
	}
	if secret == "" {
		b := make([]byte, 16)
		_, _ = rand.Read(b)
		secret = hex.EncodeToString(b)
	}
	if err := WriteFile(file, []byte(FormatToken(ca, Secret(secret))+"\n"), 0o600); err != nil {
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

// FormatToken is k3s's K10<hash of the authority>::server:<secret>.
func FormatToken(caPEM []byte, secret string) string {
	return fmt.Sprintf("K10%x::server:%s", sha256.Sum256(caPEM), secret)
}

// Secret is the part of a token that is secret; a bare secret is a token too.
func Secret(token string) string {
	if strings.HasPrefix(token, "K10") {
		if _, rest, ok := strings.Cut(token, "::"); ok {
			token = rest
		}
	}
	if user, secret, ok := strings.Cut(token, ":"); ok && (user == "server" || user == "node") {
		return secret
	}
	return token
}
