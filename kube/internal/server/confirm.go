package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

// unconfirmedKeys tells that this server has not asked for the keys of Secrets since it has a vote. A change of them
// reaches the members of etcd alone, so what a server was told before it is one may be old by then. It lies beside the
// member, and goes wherever that is moved.
func unconfirmedKeys(cfg config.Server) string {
	return filepath.Join(etcdDir(cfg), "keys-unconfirmed")
}

// expectKeys is for a server that is about to become a member.
func expectKeys(cfg config.Server) error {
	if err := os.MkdirAll(etcdDir(cfg), 0o700); err != nil {
		return err
	}
	return files.Write(unconfirmedKeys(cfg), nil, 0o600)
}

// settleKeys is for one whose keys are those that count.
func settleKeys(cfg config.Server) error {
	marker := unconfirmedKeys(cfg)
	if err := os.Remove(marker); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return files.SyncDir(filepath.Dir(marker))
}

// A cluster tells what its servers have in common.
type cluster interface {
	Bootstrap(ctx context.Context, tell func(string)) (pki.Bootstrap, supervisor.ClusterConfig, error)
}

// confirmKeys asks the others for the keys of Secrets once more, if this server has joined them and has not done so
// yet. It has a vote: whoever changes the keys from now on waits for this server.
func (p *controlPlane) confirmKeys(ctx context.Context) error {
	if _, err := os.Stat(unconfirmedKeys(p.cfg)); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if p.others == nil {
		return errors.New("this server was stopped while it joined, and the keys of Secrets may have changed since: start it" +
			" once with --server=URL of another server, or `k3s server --cluster-reset`, if no other server is left")
	}
	shared, _, err := p.others.Bootstrap(ctx, agent.TellJoining)
	if err != nil {
		return err
	}
	agent.HaveJoined()
	keys := shared.EncryptionConfig()
	if err := checkEncryption(p.cfg, keys); err != nil {
		return err
	}
	if keys != nil {
		file := pki.EncryptionFile(p.cfg.ServerDir())
		if err := files.Write(file, keys, 0o600); err != nil {
			return fmt.Errorf("cannot keep the keys of Secrets: %w", err)
		}
		if p.encryption == nil {
			p.encryption = &secretsEncryption{file: file}
		}
	}
	return settleKeys(p.cfg)
}
