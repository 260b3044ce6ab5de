package etcd

import (
	"errors"
	"os"
	"path/filepath"

	"k3os.io/kube/internal/files"
)

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

// forgetCopies makes this a member that never was one, of another name, whenever it is interrupted.
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
