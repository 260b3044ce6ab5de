// Package parts runs what a process consists of, all at once, and stops it in order.
package parts

import (
	"context"
	"fmt"
	"sync"
	"time"

	"k3os.io/kube/internal/stage"
)

// A Part is something that runs until it is told to stop, or, if Ends, until its task is done.
type Part struct {
	Name string
	Tier Tier
	// After is what Run waits for, as long as nothing stops the part.
	After []<-chan struct{}
	// Run ends soon after ctx does; what it returns then does not count. Its error is told with the part's name.
	Run func(ctx context.Context) error
	// Ends makes a Run that returns nil a task that is done. Otherwise a part that ends by itself is a failure.
	Ends bool
}

// A Tier says who is stopped first: each tier uses those below it, so the last one stops first. Nobody logs errors
// about a peer that has already stopped.
type Tier int

// The tiers of a server.
const (
	Datastore Tier = iota
	API
	Clients

	tiers
)

// Patience bounds the stop of each tier: what has not ended by then ends with the process.
const Patience = 3 * time.Second

// Run starts all parts and returns when ctx has ended, which is no error, when one has failed, or when all have ended.
// Before it returns, all of them are stopped. stopping is called before the first is.
func Run(ctx context.Context, all []Part, stopping func()) error {
	return run(ctx, all, stopping, Patience)
}

func run(ctx context.Context, all []Part, stopping func(), patience time.Duration) error {
	var (
		tier   [tiers]group
		every  sync.WaitGroup
		failed = make(chan error, len(all))
	)
	for i := range tier {
		tier[i].ctx, tier[i].stop = context.WithCancel(context.WithoutCancel(ctx))
		defer tier[i].stop()
	}
	for _, p := range all {
		t := &tier[p.Tier]
		t.running.Add(1)
		every.Go(func() {
			defer t.running.Done()
			if err := p.run(t.ctx); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-ended(&every):
		select { // the last one to end may have failed
		case err = <-failed:
		default:
		}
	}
	stopping()
	for i := tiers - 1; i >= 0; i-- {
		tier[i].stop()
		select {
		case <-ended(&tier[i].running):
		case <-time.After(patience):
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// A group is what runs of one tier.
type group struct {
	ctx     context.Context
	stop    context.CancelFunc
	running sync.WaitGroup
}

func ended(running *sync.WaitGroup) <-chan struct{} {
	c := make(chan struct{})
	go func() { running.Wait(); close(c) }()
	return c
}

func (p Part) run(ctx context.Context) error {
	for _, c := range p.After {
		select {
		case <-c:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	err := p.Run(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", p.Name, err)
	case !p.Ends:
		return fmt.Errorf("%s ended without saying why", p.Name)
	default:
		return nil
	}
}

// A Mark is a point of the start for which other parts wait.
type Mark struct {
	stage   stage.Stage
	once    sync.Once
	reached chan struct{}
}

// NewMark returns a mark that also records a stage of the start, unless that is "".
func NewMark(s stage.Stage) *Mark { return &Mark{stage: s, reached: make(chan struct{})} }

// Reach lets go everybody who waits. Only the first call counts.
func (m *Mark) Reach() {
	m.once.Do(func() {
		if m.stage != "" {
			stage.Reached(m.stage)
		}
		close(m.reached)
	})
}

// Reached is closed when the start has come to the mark.
func (m *Mark) Reached() <-chan struct{} { return m.reached }
