// Package loop has what loops share that go on until their context ends.
package loop

import (
	"context"
	"time"
)

// Pause waits, and tells whether ctx goes on.
func Pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err() == nil
}

// Reasons tell what is news among the failures of a loop, so that it tells each reason once in a row.
type Reasons struct{ last string }

// IsNew tells whether err differs from the one before. No error ends the row.
func (r *Reasons) IsNew(err error) bool {
	text := ""
	if err != nil {
		text = err.Error()
	}
	isNew := text != "" && text != r.last
	r.last = text
	return isNew
}

// A Signal asks a loop, which receives from it, for one more turn.
type Signal chan struct{}

// NewSignal returns one that nobody has given.
func NewSignal() Signal { return make(Signal, 1) }

// Give never waits. Given again before the turn, it is still one.
func (s Signal) Give() {
	select {
	case s <- struct{}{}:
	default:
	}
}
