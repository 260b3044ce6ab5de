package server

import (
	"context"
	"errors"
	"fmt"
	"os"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

// unconfirmedKeys tells, below server, that this server has not asked for the keys of Secrets since it has a vote. A
// change of them reaches the members of etcd alone, so what a server was told before it is one may be old by then.
var unconfirmedKeys = []string{"cred", "encryption-unconfirmed"}

// A cluster tells what its servers have in common.
type cluster interface {
	Bootstrap(ctx context.Context, tell func(string)) (pki.Bootstrap, supervisor.ClusterConfig, error)
}

// confirmKeys asks the others for the keys of Secrets once more, if this server has joined them and has not done so
// yet. It has a vote: whoever changes the keys from now on waits for this server.
func (p *controlPlane) confirmKeys(ctx context.Context) error {
	marker := p.cfg.ServerDir(unconfirmedKeys...)
	if _, err := os.Stat(marker); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if p.others == nil {
		return errors.New("this server was stopped while it joined, and the keys of Secrets may have changed since: start it" +
			" once with --server=URL of another server")
	}
	shared, _, err := p.others.Bootstrap(ctx, agent.TellJoining)
	if err != nil {
		return err
	}
	_ = os.Remove(agent.JoiningFile)
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
	return os.Remove(marker)
}
