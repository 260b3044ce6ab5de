package datastore

import (
	"errors"
	"fmt"
	"io"
	"os"

	"k3os.io/kube/internal/files"
)

// What SQLite keeps beside its file. What is in the log is not in the file yet.
const (
	walSuffix = "-wal"
	shmSuffix = "-shm"
	// asideSuffix is of a database whose objects are elsewhere.
	asideSuffix = ".migrated"
)

// CopyTo copies a database that nobody uses to another directory. The database stays as it is: merely opening it would
// write.
func (s SQLite) CopyTo(dir string) (SQLite, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return SQLite{}, err
	}
	to := SQLite{Dir: dir}
	for _, suffix := range []string{"", walSuffix} {
		if err := copyFile(s.file()+suffix, to.file()+suffix); err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return SQLite{}, fmt.Errorf("cannot copy %s (is the disk full?): %w", s.file()+suffix, err)
		}
	}
	return to, nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// Aside is where SetAside puts the database.
func (s SQLite) Aside() string { return s.file() + asideSuffix }

// SetAside gives a database that nobody uses another name, under which it can still be opened. It can be cut at any
// point and done again: as long as Exists says so, it is not done.
func (s SQLite) SetAside() error {
	for _, suffix := range []string{walSuffix, shmSuffix, ""} {
		err := os.Rename(s.file()+suffix, s.Aside()+suffix)
		if err != nil && (suffix == "" || !errors.Is(err, os.ErrNotExist)) {
			return err
		}
		if err := files.SyncDir(s.Dir); err != nil {
			return err
		}
	}
	return nil
}
