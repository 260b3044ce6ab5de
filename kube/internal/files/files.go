// Package files writes files that are whole after a power cut.
package files

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// Write replaces a file in one step, so that neither a reader nor a power cut meets half of it, and makes its directory
// if there is none. It returns when the file is on the disk. A file that has this content and mode already is left
// alone.
func Write(name string, data []byte, mode os.FileMode) error {
	if holds(name, data, mode) {
		return nil
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return SyncDir(dir)
}

// SyncDir makes the names in a directory survive a power cut.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func holds(name string, data []byte, mode os.FileMode) bool {
	info, err := os.Lstat(name)
	if err != nil || info.Mode() != mode {
		return false
	}
	b, err := os.ReadFile(name)
	return err == nil && bytes.Equal(b, data)
}
