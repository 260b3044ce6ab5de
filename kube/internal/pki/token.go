package pki

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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
	if IsRetired(serverDir, given) {
		given = ""
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

// retiredFile remembers which secrets were the token, as salted hashes: a configuration may still name one.
const retiredFile = "token-retired"

// ReplaceToken makes another secret the token in serverDir/token. The one from before does not count any more, whatever
// EnsureTokens is given. serial counts the changes of the cluster's token.
func ReplaceToken(serverDir, caFile, secret string, serial uint64) error {
	file := filepath.Join(serverDir, "token")
	ca, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	old, err := secretOf(file, "", ca, "")
	if err != nil {
		return err
	}
	var kept []string
	for _, line := range append(retired(serverDir), hashSecret(token.RandomSecret(), old)) {
		if !isHashOfSecret(line, secret) {
			kept = append(kept, line)
		}
	}
	// First of all: if it ends here, the token in the file is that from before, and counts.
	if err := files.Write(filepath.Join(serverDir, retiredFile), []byte(strings.Join(kept, "\n")+"\n"), 0o600); err != nil {
		return err
	}
	if err := files.Write(file, []byte(token.Format(ca, token.Server, secret)+"\n"), 0o600); err != nil {
		return err
	}
	return keepTokenSerial(serverDir, serial)
}

// serialFile has the number of the last change of the token that this server knows.
const serialFile = "token-serial"

// TokenSerial is 0 if the token was never changed.
func TokenSerial(serverDir string) uint64 {
	b, err := os.ReadFile(filepath.Join(serverDir, serialFile))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64) // 0 if it is damaged: the next change is taken
	return n
}

func keepTokenSerial(serverDir string, serial uint64) error {
	return files.Write(filepath.Join(serverDir, serialFile), []byte(strconv.FormatUint(serial, 10)+"\n"), 0o600)
}

// KeepTokenChanges makes what this server knows of changes of the token what the cluster knows that it becomes a server
// of: a token that did not count in another one may be that of this one.
func KeepTokenChanges(serverDir string, b Bootstrap) error {
	file := filepath.Join(serverDir, serialFile)
	var err error
	if serial, ok := b[tokenSerial]; ok {
		err = files.Write(file, serial.Content, 0o600)
	} else {
		err = removeIfThere(file)
	}
	return errors.Join(err, removeIfThere(filepath.Join(serverDir, retiredFile)))
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// IsRetired tells whether a token, in any form, has the secret that was that of this server before.
func IsRetired(serverDir, given string) bool {
	t, err := token.Parse(given)
	return err == nil && slices.ContainsFunc(retired(serverDir), func(line string) bool { return isHashOfSecret(line, t.Secret) })
}

func retired(serverDir string) []string {
	b, err := os.ReadFile(filepath.Join(serverDir, retiredFile))
	if err != nil {
		return nil // there was no other token
	}
	return strings.Fields(string(b))
}

func hashSecret(salt, secret string) string {
	sum := sha256.Sum256([]byte(salt + secret))
	return salt + ":" + hex.EncodeToString(sum[:])
}

func isHashOfSecret(line, secret string) bool {
	salt, _, ok := strings.Cut(line, ":")
	return ok && line == hashSecret(salt, secret)
}

// AgentTokenFile holds the token of agents, or leads to that of servers.
func AgentTokenFile(serverDir string) string { return filepath.Join(serverDir, "agent-token") }

// KeptAgentToken is the token of agents, "" if they join with that of servers. It is not known before EnsureTokens was
// called.
func KeptAgentToken(serverDir string) (text string, isKnown bool) {
	file := AgentTokenFile(serverDir)
	info, err := os.Lstat(file)
	if err != nil {
		return "", false
	}
	if !info.Mode().IsRegular() {
		return "", true
	}
	b, err := os.ReadFile(file)
	return strings.TrimSpace(string(b)), err == nil
}

func link(file, name string) error {
	if to, _ := os.Readlink(name); to == file {
		return nil
	}
	if err := removeIfThere(name); err != nil {
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
