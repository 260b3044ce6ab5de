package server

import (
	"context"
	"errors"
	"testing"
)

func TestAPartThatGaveUpOnTheAPIBeginsAnew(t *testing.T) {
	away := errors.New("failed to wait for apiserver being healthy: timed out")
	other := errors.New("some controller cannot start")
	for name, tt := range map[string]struct {
		runs   []error // what each run ends with; after the last one it runs on until it is stopped
		health []error // what each question is answered with; afterwards it is healthy
		want   error
		left   int // runs that must not have happened
	}{
		"its own failure":                   {runs: []error{other, nil}, want: other, left: 1},
		"upstream's word for it":            {runs: []error{away}},
		"upstream's word, again":            {runs: []error{away, away}, health: []error{nil, other, other}},
		"a failure while it is not healthy": {runs: []error{other}, health: []error{errors.New("500"), errors.New("500")}},
		"then one of its own":               {runs: []error{other, other}, health: []error{errors.New("500")}, want: other},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			healthy := func(context.Context) error {
				if len(tt.health) == 0 {
					return nil
				}
				err := tt.health[0]
				tt.health = tt.health[1:]
				return err
			}
			run := func(ctx context.Context) error {
				if len(tt.runs) == 0 {
					stop()
					<-ctx.Done()
					return ctx.Err()
				}
				err := tt.runs[0]
				tt.runs = tt.runs[1:]
				return err
			}
			err := persistent(ctx, "part", healthy, run)
			if tt.want != nil && !errors.Is(err, tt.want) || tt.want == nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%v; want %v", err, tt.want)
			}
			if len(tt.runs) != tt.left || len(tt.health) != 0 {
				t.Errorf("left are %v, %v; want %d runs", tt.runs, tt.health, tt.left)
			}
		})
	}
}

func TestAPartThatIsStoppedWhileTheAPIIsAwayEnds(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	err := persistent(ctx, "part", func(context.Context) error { stop(); return errors.New("500") },
		func(context.Context) error { return errors.New("no answer") })
	if err != nil {
		t.Error(err)
	}
}
