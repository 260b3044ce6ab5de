// Package dirwatch follows a directory into which a user, or another program, puts files.
package dirwatch

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Run calls act at once, and again after the files directly in dir have changed and were then left alone for settle,
// until ctx ends. So act does not meet a file that is still being written. What act returns is how long to wait until
// it is called without any change; 0 waits for one. A directory that does not exist is an error.
func Run(ctx context.Context, dir string, settle time.Duration, act func(context.Context) (again time.Duration)) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("cannot watch %s: %w", dir, err)
	}
	defer w.Close()
	if err := w.Add(dir); err != nil {
		return fmt.Errorf("cannot watch %s: %w", dir, err)
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Events:
			timer.Reset(settle)
		case err := <-w.Errors:
			fmt.Fprintf(os.Stderr, "k3s: watching %s: %v\n", dir, err)
		case <-timer.C:
			if again := act(ctx); again > 0 {
				timer.Reset(again)
			}
		}
	}
}
