package dirwatch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	calls, ended := make(chan int), make(chan error)
	go func() {
		ended <- Run(ctx, dir, time.Millisecond, func(context.Context) time.Duration {
			files, err := os.ReadDir(dir)
			if err != nil {
				t.Error(err)
			}
			calls <- len(files)
			return 0
		})
	}()
	if n := <-calls; n != 0 {
		t.Errorf("the first call sees %d files; want 0", n)
	}
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := <-calls; n != 1 {
		t.Errorf("after a file came, the call sees %d; want 1", n)
	}
	stop()
	for {
		select {
		case <-calls: // the same file may have made two events
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v; want nil, for ctx has ended", err)
			}
			return
		}
	}
}

func TestRunAgain(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	calls := 0
	err := Run(ctx, t.TempDir(), time.Hour, func(context.Context) time.Duration {
		if calls++; calls == 3 {
			stop()
		}
		return time.Millisecond
	})
	if err != nil || calls != 3 {
		t.Errorf("Run = %v after %d calls; want nil after 3, none of them for a change", err, calls)
	}
}

func TestRunWithoutDirectory(t *testing.T) {
	err := Run(t.Context(), filepath.Join(t.TempDir(), "none"), time.Hour, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Run = %v; want that the directory is missing", err)
	}
}
