package localpath

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"

	"k3os.io/kube/internal/files"
)

// makeDirectory makes a volume's directory, for every user, in one that is root's alone if it is made, too. What exists
// stays as it is, with what is in it, unless it is what a power cut has left of this.
func makeDirectory(volume, path string) error {
	if err := checkPath(volume, path); err != nil {
		return err
	}
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if begun, err := isBegun(path); err != nil || !begun {
			return err
		}
	} else if err != nil {
		return err
	}
	return errors.Join(os.Chmod(path, 0o777), files.SyncDir(path), files.SyncDir(parent))
}

// isBegun tells whether a directory is as it is before it is made for every user. Nobody else makes it so: those who
// use a volume have something in it, or another mode.
func isBegun(path string) (bool, error) {
	if err := isDirectory(path); err != nil {
		return false, err
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		return false, err
	}
	inside, err := os.ReadDir(path)
	return len(inside) == 0, err
}

// removeDirectory removes a volume's directory and all that is in it. One that is not there is no error. It follows
// no link, and leaves everything alone if another file system is mounted below.
func removeDirectory(volume, path string) error {
	if err := checkPath(volume, path); err != nil {
		return err
	}
	err := isDirectory(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(real))
	if err != nil {
		return err
	}
	if len(mounts) > 0 {
		return fmt.Errorf("%s is mounted there: unmount it first", mounts[0].Mountpoint)
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return files.SyncDir(filepath.Dir(path))
}

func isDirectory(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is not a directory: expected one, or nothing", path)
	}
	return nil
}
