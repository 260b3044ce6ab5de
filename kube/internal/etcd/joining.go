package etcd

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"k3os.io/kube/internal/files"
)

// Joining is what a new member asks of the others.
type Joining interface {
	// AddMember makes the member a learner, and returns the members as etcd's --initial-cluster has them. It does
	// nothing if it is a member already.
	AddMember(ctx context.Context, name, peerURL string) (initialCluster string, err error)
	// PromoteMember gives it a vote. It fails as long as the member has not caught up.
	PromoteMember(ctx context.Context, name string) error
}

// join starts a new member once the others have taken it. When another one was taken in between, the list that it
// starts with is not that of the others, and it asks again.
func (m *Member) join(ctx context.Context, cfg *embed.Config) error {
	return eventually(ctx, startPatience, "the others do not take this server as a member of etcd", func() (err error) {
		if cfg.InitialCluster, err = m.Joining.AddMember(ctx, cfg.Name, cfg.AdvertisePeerUrls[0].String()); err != nil {
			return err
		}
		m.level.SetLevel(zap.FatalLevel) // what fails here is told by the error
		defer m.level.SetLevel(zap.ErrorLevel)
		m.server, err = embed.StartEtcd(cfg)
		return err
	})
}

// noVoteFile is there from the first try to join until the member has a vote.
func (m *Member) noVoteFile() string { return filepath.Join(m.Dir, "joining") }

func (m *Member) hadNoVote() bool {
	_, err := os.Stat(m.noVoteFile())
	return err == nil
}

func (m *Member) noteVote() error {
	if err := os.Remove(m.noVoteFile()); errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return files.SyncDir(m.Dir)
}

// forgetCopies makes this a member that never was one, of another name. It may be interrupted: then the old name stays.
func (m *Member) forgetCopies() error {
	work, err := m.scratch("given-up")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	if err := os.Rename(filepath.Join(m.Dir, "member"), filepath.Join(work, "member")); err != nil {
		return err
	}
	if err := os.Remove(m.nameFile()); err != nil {
		return err
	}
	return files.SyncDir(m.Dir)
}
