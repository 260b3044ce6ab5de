package snapshots

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/robfig/cron/v3"

	"k3os.io/kube/internal/loop"
)

// Follow saves by schedule until ctx ends. One that cannot be saved is told, and does not keep the next from being.
func (k *Keeper) Follow(ctx context.Context) error {
	when, err := cron.ParseStandard(k.Defaults.Schedule)
	if err != nil {
		return err // config has checked it
	}
	for loop.Pause(ctx, time.Until(when.Next(time.Now()))) {
		if _, err := k.Do(ctx, Request{Operation: Save}); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: no snapshot was saved by schedule: %v\n", err)
		}
	}
	return nil
}
