package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/encryption"
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
	if cfg.HasExternalDatastore() {
		return errors.New("--cluster-reset is for etcd, and the objects of this cluster lie in a database: restore the database from" +
			" its own backup, and start the servers with the token that they had then")
	}
	flag := cfg.ServerDir(resetFlag...)
	if _, err := os.Stat(flag); err == nil {
		return fmt.Errorf("this server was reset already and has not run since: restart without --cluster-reset, or remove"+
			" %s to reset it once more", flag)
	}
	if (datastore.SQLite{Dir: cfg.ServerDir("db")}).Exists() {
		return fmt.Errorf("%s has objects in SQLite, and --cluster-reset is for etcd: this machine was a server of its own;"+
			" to have what a snapshot has instead, stop k3s and move %s away first", cfg.ServerDir("db"), cfg.DataDir)
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
		oldDir, err = member.Reset(ctx, oldLeases()...)
	} else {
		oldDir, err = restore(ctx, cfg, store, member)
	}
	if oldDir != "" {
		fmt.Fprintf(os.Stderr, "k3s: the etcd of before is in %s\n", oldDir)
	}
	if err != nil {
		return err
	}
	if err := files.Write(flag, nil, 0o600); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "k3s: etcd has one member now, this server: restart without --cluster-reset."+
		" Other servers join again when server/db/etcd is moved away on them.")
	return nil
}

// oldLeases are the keys of those leases of servers of before that nobody gives up any more: whoever runs their parts
// now would wait until they have run out. Leases of others are theirs.
func oldLeases() (keys []string) {
	for _, name := range []string{upstreamControllers, ownControllers, schedulerPart} {
		keys = append(keys, "/registry/leases/"+metav1.NamespaceSystem+"/"+name)
	}
	return keys
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
	if shared == nil {
		return member.Restore(ctx, file, oldLeases()...)
	}
	store.Etcd = true
	// Before etcd is there: a start with it and without them would make others.
	if err := store.KeepAuthorities(shared); err != nil {
		return "", err
	}
	keys := restoredKeys{file: pki.EncryptionFile(cfg.ServerDir()), ofTheSnapshot: shared.EncryptionConfig()}
	if err := keys.prepare(); err != nil {
		return "", err
	}
	if oldDir, err = member.Restore(ctx, file, oldLeases()...); err != nil {
		if oldDir == "" {
			err = errors.Join(err, keys.putBack())
		}
		return oldDir, err
	}
	if err := keys.finish(); err != nil {
		return oldDir, err
	}
	if err := pki.KeepTokenChanges(cfg.ServerDir(), shared); err != nil {
		return oldDir, err
	}
	// So that a start without --token does not make another one.
	agentToken := cmp.Or(cfg.AgentToken, shared.AgentToken())
	return oldDir, pki.EnsureTokens(cfg.ServerDir(), store.CertFile(pki.ServerCA), cfg.Token, agentToken)
}

// restoredKeys make the keys of a snapshot's Secrets those of this server. Its own ones stay beside them: the etcd that
// is set aside needs them. In between the file reads with both, so that it fits whichever etcd there is when the power
// is cut. It cannot where the two have different providers: then it has its own keys until etcd is exchanged, and a
// server that does not read its Secrets after a cut is reset once more.
type restoredKeys struct {
	file          string
	ofTheSnapshot []byte // nil where they are not encrypted: then own keys stay, which read that
	own           []byte // nil where there are none
}

func (k *restoredKeys) prepare() (err error) {
	if k.ofTheSnapshot == nil {
		return nil
	}
	theirs, err := encryption.Parse(k.ofTheSnapshot)
	if err != nil {
		return fmt.Errorf("the keys for Secrets in the snapshot: %w", err)
	}
	if k.own, err = pki.KeepAside(k.file, ".before-reset", k.ofTheSnapshot); err != nil {
		return err
	}
	both := theirs
	both.Enabled = false
	if k.own != nil {
		own, err := encryption.Parse(k.own)
		if err != nil || own.Provider != theirs.Provider {
			return nil
		}
		both = own.Reading(theirs)
	}
	content, err := both.Marshal()
	if err != nil {
		return err
	}
	return files.Write(k.file, content, 0o600)
}

func (k *restoredKeys) finish() error {
	if k.ofTheSnapshot == nil {
		return nil
	}
	return files.Write(k.file, k.ofTheSnapshot, 0o600)
}

// putBack is for an etcd that was not exchanged.
func (k *restoredKeys) putBack() error {
	switch {
	case k.ofTheSnapshot == nil:
		return nil
	case k.own == nil:
		return os.Remove(k.file)
	}
	return files.Write(k.file, k.own, 0o600)
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
	if err := t.CheckAuthority(shared.Authority()); err != nil {
		return nil, fmt.Errorf("--token: %w", err)
	}
	return shared, nil
}

// tokenOf is the one that was given, or this machine's.
func tokenOf(cfg config.Server) (token.Token, error) {
	if cfg.Token != "" {
		return token.Parse(cfg.Token)
	}
	secret, err := secretIn(cfg.ServerDir("token"))
	if errors.Is(err, os.ErrNotExist) {
		return token.Token{}, errors.New("--token (K3S_TOKEN) is missing: the keys in a snapshot open with the token that the" +
			" servers had when it was saved (server/token)")
	}
	return token.Token{User: token.Server, Secret: secret}, err
}
