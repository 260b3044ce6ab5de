package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/snapshots"
	"k3os.io/kube/internal/token"
)

// resetFlag tells, below server, that the cluster was reset and this server has not run since. A --cluster-reset that
// stays in the configuration would otherwise take back, at each start, what was written.
var resetFlag = []string{"db", "reset-flag"}

// reset makes this server the only one of its cluster, with what it has or with what a snapshot has. It changes nothing
// before it knows that it can.
func reset(ctx context.Context, cfg config.Server, host hostFacts) error {
	flag := cfg.ServerDir(resetFlag...)
	if _, err := os.Stat(flag); err == nil {
		return fmt.Errorf("this server was reset already and has not run since: restart without --cluster-reset, or remove"+
			" %s to reset it once more", flag)
	}
	if (datastore.SQLite{Dir: cfg.ServerDir("db")}).Exists() {
		return fmt.Errorf("%s has objects in SQLite, and --cluster-reset is for etcd: stop k3s and copy that directory instead,"+
			" or move it away", cfg.ServerDir("db"))
	}
	store, err := newStore(cfg, host)
	if err != nil {
		return err
	}
	member := newMember(cfg, host, store)
	var oldDir string
	if cfg.Reset.From == "" {
		if !etcd.Exists(member.Dir) {
			return fmt.Errorf("there is no etcd in %s: give a snapshot with --cluster-reset-restore-path=FILE", member.Dir)
		}
		oldDir, err = member.Reset(ctx)
	} else {
		oldDir, err = restore(ctx, cfg, store, member)
	}
	if err != nil {
		return err
	}
	if err := files.Write(flag, nil, 0o600); err != nil {
		return err
	}
	if oldDir != "" {
		fmt.Fprintf(os.Stderr, "k3s: the etcd of before is in %s\n", oldDir)
	}
	fmt.Fprintln(os.Stderr, "k3s: etcd has one member now, this server: restart without --cluster-reset."+
		" Other servers join again when server/db/etcd is moved away on them.")
	return nil
}

// restore is reset with a snapshot.
func restore(ctx context.Context, cfg config.Server, store *pki.Store, member *etcd.Member) (oldDir string, err error) {
	work := cfg.ServerDir("db", "restore.tmp")
	if err := os.RemoveAll(work); err != nil {
		return "", err
	}
	if err := os.MkdirAll(work, 0o700); err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	file := cfg.Reset.From
	if s3 := cfg.Snapshots.S3; s3.Enabled {
		if file, err = snapshots.Fetch(ctx, s3, file, work); err != nil {
			return "", fmt.Errorf("--cluster-reset-restore-path: %w", err)
		}
	}
	file, err = snapshots.Unpack(file, work)
	if err != nil {
		return "", fmt.Errorf("--cluster-reset-restore-path: %w", err)
	}
	if _, err := etcd.CheckSnapshot(file); err != nil {
		return "", fmt.Errorf("--cluster-reset-restore-path: %w", err)
	}
	shared, err := sharedOf(cfg, store, file)
	if err != nil {
		return "", err
	}
	if shared != nil {
		store.Etcd = true
		if err := store.KeepBootstrap(shared); err != nil {
			return "", err
		}
		if err := keepRestoredEncryption(cfg, shared.EncryptionConfig()); err != nil {
			return "", err
		}
		// So that a start without --token does not make another one.
		agentToken := cmp.Or(cfg.AgentToken, shared.AgentToken())
		if err := pki.EnsureTokens(cfg.ServerDir(), store.CertFile(pki.ServerCA), cfg.Token, agentToken); err != nil {
			return "", err
		}
	}
	return member.Restore(file)
}

// keepRestoredEncryption makes the keys of a snapshot's Secrets those of this server. Other ones stay beside them: the
// etcd that is set aside needs them.
func keepRestoredEncryption(cfg config.Server, ofTheSnapshot []byte) error {
	file := pki.EncryptionFile(cfg.ServerDir())
	own, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if ofTheSnapshot == nil || bytes.Equal(own, ofTheSnapshot) {
		return nil
	}
	if own != nil {
		if err := files.Write(file+".before-reset", own, 0o600); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return files.Write(file, ofTheSnapshot, 0o600)
}

// sharedOf are the keys of the cluster that a snapshot is of; nil if it has none and this machine has them.
func sharedOf(cfg config.Server, store *pki.Store, file string) (pki.Bootstrap, error) {
	kept, err := etcd.SharedInSnapshot(file)
	if err != nil {
		return nil, err
	}
	if len(kept) == 0 {
		store.Etcd = true
		if _, err := store.Bootstrap(); err != nil {
			return nil, fmt.Errorf("%s has no keys of its cluster, and this machine has none: restore it where server/tls is"+
				" that of the cluster", cfg.Reset.From)
		}
		return nil, nil
	}
	t, err := tokenOf(cfg)
	if err != nil {
		return nil, err
	}
	shared, err := openShared(kept, t.Secret)
	if errors.Is(err, pki.ErrOtherToken) {
		return nil, fmt.Errorf("the token is not the one that the servers had when %s was saved: give that one with --token;"+
			" nothing was changed", cfg.Reset.From)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cfg.Reset.From, err)
	}
	if err := t.CheckAuthority(shared["ServerCA"].Content); err != nil {
		return nil, fmt.Errorf("--token: %w", err)
	}
	return shared, nil
}

// tokenOf is the one that was given, or this machine's.
func tokenOf(cfg config.Server) (token.Token, error) {
	if cfg.Token != "" {
		return token.Parse(cfg.Token)
	}
	secrets, err := readSecrets(cfg)
	if errors.Is(err, os.ErrNotExist) {
		return token.Token{}, errors.New("--token (K3S_TOKEN) is missing: the keys in a snapshot open with the token that the" +
			" servers had when it was saved (server/token)")
	}
	return token.Token{User: token.Server, Secret: secrets.Server}, err
}
