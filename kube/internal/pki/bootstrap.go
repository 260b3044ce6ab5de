package pki

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k3os.io/kube/internal/files"
)

// A Bootstrap is what all servers of a cluster have in common, in k3s's form: all keys of its authorities. Whoever has
// it has the cluster.
type Bootstrap map[string]BootstrapFile

// A BootstrapFile is the content of one file.
type BootstrapFile struct {
	Timestamp time.Time
	Content   []byte
}

// serverCA is k3s's name for the certificate of the servers' authority.
const serverCA = "ServerCA"

// bootstrapFiles are the names of k3s, and the files in server/tls.
var bootstrapFiles = map[string]string{
	serverCA:             ServerCA + ".crt",
	"ServerCAKey":        ServerCA + ".key",
	"ClientCA":           ClientCA + ".crt",
	"ClientCAKey":        ClientCA + ".key",
	"RequestHeaderCA":    RequestHeaderCA + ".crt",
	"RequestHeaderCAKey": RequestHeaderCA + ".key",
	"ETCDPeerCA":         EtcdPeerCA + ".crt",
	"ETCDPeerCAKey":      EtcdPeerCA + ".key",
	"ServiceKey":         ServiceAccountKey,
}

// agentToken is the name for the token of agents, if they have one of their own. It is not one of k3s's.
const agentToken = "AgentToken"

// Authority is the certificate of the servers' authority, as PEM.
func (b Bootstrap) Authority() []byte { return b[serverCA].Content }

// AgentToken is the token of agents; "" if they join with that of servers.
func (b Bootstrap) AgentToken() string { return strings.TrimSpace(string(b[agentToken].Content)) }

// tokenSerial is the name for the number of the last change of the token. It is not one of k3s's.
const tokenSerial = "TokenSerial"

// encryptionConfig is k3s's name for the configuration by which Secrets are encrypted, if they are.
const encryptionConfig = "EncryptionConfig"

// EncryptionFile is where that is.
func EncryptionFile(serverDir string) string {
	return filepath.Join(serverDir, "cred", "encryption-config.json")
}

// EncryptionConfig is the configuration by which Secrets are encrypted; nil if they are not.
func (b Bootstrap) EncryptionConfig() []byte { return b[encryptionConfig].Content }

// bootstrapFiles leaves out etcd's where there is none.
func (s *Store) bootstrapFiles() map[string]string {
	all := maps.Clone(bootstrapFiles)
	if !s.Etcd {
		maps.DeleteFunc(all, func(_, file string) bool { return strings.HasPrefix(file, EtcdPeerCA) })
	}
	return all
}

// Bootstrap reads what another server needs.
func (s *Store) Bootstrap() (Bootstrap, error) {
	b := Bootstrap{}
	for name, file := range s.bootstrapFiles() {
		path := filepath.Join(s.Server, file)
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		b[name] = BootstrapFile{info.ModTime().UTC(), content}
	}
	return b, s.addOptional(b)
}

// addOptional adds what not all clusters have.
func (s *Store) addOptional(b Bootstrap) error {
	serverDir := filepath.Dir(s.Server)
	for name, file := range map[string]string{
		agentToken: AgentTokenFile(serverDir), tokenSerial: filepath.Join(serverDir, serialFile), encryptionConfig: EncryptionFile(serverDir),
	} {
		info, err := os.Lstat(file)
		if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() { // a link leads to the token of servers
			continue
		}
		if err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		b[name] = BootstrapFile{info.ModTime().UTC(), content}
	}
	return nil
}

// KeepBootstrap writes what another server has given, and drops what this machine has of a cluster before: which
// tokens do not count any more, and the keys of Secrets, which stay beside those of the cluster. It fails, and changes
// nothing, if an authority is there with another content: then this machine is a server of another cluster.
func (s *Store) KeepBootstrap(b Bootstrap) error {
	if err := s.checkAuthorities(b); err != nil {
		return err
	}
	serverDir := filepath.Dir(s.Server)
	if err := KeepTokenChanges(serverDir, b); err != nil {
		return err
	}
	if err := keepEncryption(EncryptionFile(serverDir), b.EncryptionConfig()); err != nil {
		return err
	}
	return s.KeepAuthorities(b) // last, since who has them has joined
}

func (s *Store) checkAuthorities(b Bootstrap) error {
	for name, file := range s.bootstrapFiles() {
		given, ok := b[name]
		if !ok || len(given.Content) == 0 {
			return fmt.Errorf("the server does not give its %s: is it one with etcd (--cluster-init)? To share a database with it takes"+
				" --datastore-endpoint on all servers", name)
		}
		path := filepath.Join(s.Server, file)
		have, err := os.ReadFile(path)
		if err == nil && string(have) != string(given.Content) {
			return fmt.Errorf("%s belongs to another cluster: this machine was a server of its own; move %s away first",
				path, filepath.Dir(filepath.Dir(s.Server)))
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// KeepAuthorities is the part of KeepBootstrap that does not depend on what this machine was before.
func (s *Store) KeepAuthorities(b Bootstrap) error {
	if err := s.checkAuthorities(b); err != nil {
		return err
	}
	for _, d := range []string{s.Server, filepath.Join(s.Server, "etcd")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	all := s.bootstrapFiles()
	names := slices.Sorted(maps.Keys(all))
	// Whoever finds the certificate of the servers' authority takes it that all the others are there.
	names = append(slices.DeleteFunc(names, func(name string) bool { return name == serverCA }), serverCA)
	for _, name := range names {
		mode := os.FileMode(0o600)
		if filepath.Ext(all[name]) == ".crt" {
			mode = 0o644
		}
		if err := files.Write(filepath.Join(s.Server, all[name]), b[name].Content, mode); err != nil {
			return err
		}
	}
	return nil
}

// keepEncryption makes the keys of Secrets those of the cluster, which may have none.
func keepEncryption(file string, ofTheCluster []byte) error {
	if _, err := KeepAside(file, ".before-joining", ofTheCluster); err != nil {
		return err
	}
	if ofTheCluster != nil {
		return files.Write(file, ofTheCluster, 0o600)
	}
	return removeIfThere(file)
}

// KeepAside keeps a copy of a secret file beside it, under a name that is free, unless next is the same. It returns
// what the file has; nil if there is none.
func KeepAside(file, suffix string, next []byte) (own []byte, err error) {
	own, err = os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil || bytes.Equal(own, next) {
		return own, err
	}
	for aside := file + suffix; ; aside += "-1" {
		have, err := os.ReadFile(aside)
		if errors.Is(err, os.ErrNotExist) {
			return own, files.Write(aside, own, 0o600)
		}
		if err != nil || bytes.Equal(have, own) {
			return own, err
		}
	}
}
