package snapshots

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// compress writes a zip file with one file in it, as k3s does, and syncs it.
func compress(file, name, to string) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	z := zip.NewWriter(out)
	inside, err := z.Create(name)
	if err == nil {
		_, err = io.Copy(inside, from)
	}
	return errors.Join(err, z.Close(), out.Sync(), out.Close())
}

// Unpack returns the snapshot itself: the file, or what a compressed one has in it, as a file in dir.
func Unpack(file, dir string) (string, error) {
	if !strings.HasSuffix(file, zipped) {
		return file, nil
	}
	z, err := zip.OpenReader(file)
	if err != nil {
		return "", fmt.Errorf("%s is no zip file, or not a whole one: %w", file, err)
	}
	defer z.Close()
	if len(z.File) != 1 {
		return "", fmt.Errorf("%s: expected one file in it, got %d", file, len(z.File))
	}
	from, err := z.File[0].Open()
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	defer from.Close()
	to := filepath.Join(dir, "unpacked")
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, from)
	if err := errors.Join(err, out.Close()); err != nil {
		return "", fmt.Errorf("%s cannot be unpacked: %w", file, err)
	}
	return to, nil
}
