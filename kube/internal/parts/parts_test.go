package parts

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// forEver is longer than any test takes that works.
const forEver = time.Minute

// A journal is who has stopped, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) write(line string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, line)
}

func (j *journal) want(t *testing.T, lines ...string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Equal(j.lines, lines) {
		t.Errorf("%v; want %v", j.lines, lines)
	}
}

// service runs until it is stopped, says that it runs, and writes that it has stopped.
func (j *journal) service(name string, tier Tier, started *sync.WaitGroup) Part {
	started.Add(1)
	return Part{Name: name, Tier: tier, Run: func(ctx context.Context) error {
		started.Done()
		<-ctx.Done()
		j.write(name)
		return ctx.Err()
	}}
}

func TestWhatStartsLastStopsFirst(t *testing.T) {
	var j journal
	var started sync.WaitGroup
	all := []Part{
		j.service("datastore", Datastore, &started),
		j.service("client", Clients, &started),
		j.service("api", API, &started),
	}
	ctx, stop := context.WithCancel(t.Context())
	go func() { started.Wait(); stop() }()
	if err := run(ctx, all, func() { j.write("stopping") }, forEver); err != nil {
		t.Errorf("%v; want that a stop is no error", err)
	}
	j.want(t, "stopping", "client", "api", "datastore")
}

func TestAPartThatFailsStopsTheOthersInOrder(t *testing.T) {
	for _, failing := range []Tier{Datastore, API, Clients} {
		var j journal
		var started sync.WaitGroup
		failure := errors.New("no room")
		all := []Part{
			j.service("datastore", Datastore, &started),
			j.service("api", API, &started),
			j.service("client", Clients, &started),
			{Name: "x", Tier: failing, Run: func(context.Context) error { started.Wait(); return failure }},
		}
		err := run(t.Context(), all, func() {}, forEver)
		if !errors.Is(err, failure) || err.Error() != "x: no room" {
			t.Errorf("tier %d: %v; want the failure with the part's name", failing, err)
		}
		j.want(t, "client", "api", "datastore")
	}
}

func TestAPartThatEndsByItselfIsAnErrorWithItsName(t *testing.T) {
	var j journal
	var started sync.WaitGroup
	all := []Part{
		j.service("datastore", Datastore, &started),
		{Name: "kube-apiserver", Tier: API, Run: func(context.Context) error { return nil }},
	}
	const want = "kube-apiserver ended without saying why"
	if err := run(t.Context(), all, func() {}, forEver); err == nil || err.Error() != want {
		t.Errorf("%v; want that it ended", err)
	}
}

func TestATaskThatIsDoneStopsNobody(t *testing.T) {
	var j journal
	var started sync.WaitGroup
	done := NewMark("")
	ctx, stop := context.WithCancel(t.Context())
	all := []Part{
		{Name: "task", Tier: Clients, Ends: true, Run: func(context.Context) error { done.Reach(); return nil }},
		j.service("service", API, &started),
		{Name: "next", Tier: Clients, After: []<-chan struct{}{done.Reached()}, Run: func(ctx context.Context) error {
			started.Wait()
			j.write("next runs")
			stop()
			<-ctx.Done()
			return nil
		}},
	}
	if err := run(ctx, all, func() {}, forEver); err != nil {
		t.Error(err)
	}
	j.want(t, "next runs", "service")
}

func TestNothingButTasksEnds(t *testing.T) {
	failure := errors.New("no room")
	for _, want := range []error{nil, failure} {
		all := []Part{{Name: "task", Ends: true, Run: func(context.Context) error { return want }}}
		if err := run(t.Context(), all, func() {}, forEver); !errors.Is(err, want) {
			t.Errorf("%v; want %v", err, want)
		}
	}
}

func TestAPartWaitsForAllOfAfter(t *testing.T) {
	var j journal
	first, second := NewMark(""), NewMark("")
	all := []Part{
		{Name: "last", Ends: true, After: []<-chan struct{}{first.Reached(), second.Reached()},
			Run: func(context.Context) error { j.write("last"); return nil }},
		{Name: "first", Ends: true, Run: func(context.Context) error { j.write("first"); first.Reach(); return nil }},
		{Name: "second", Ends: true, After: []<-chan struct{}{first.Reached()}, Run: func(context.Context) error {
			j.write("second")
			second.Reach()
			return nil
		}},
	}
	if err := run(t.Context(), all, func() {}, forEver); err != nil {
		t.Error(err)
	}
	j.want(t, "first", "second", "last")
}

func TestAPartThatStillWaitsIsNotStartedByTheStop(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	all := []Part{
		{Name: "waits", Tier: Clients, After: []<-chan struct{}{make(chan struct{})}, Run: func(context.Context) error {
			t.Error("it was started")
			return nil
		}},
		{Name: "stops", Tier: API, Ends: true, Run: func(context.Context) error { stop(); return nil }},
	}
	if err := run(ctx, all, func() {}, forEver); err != nil {
		t.Error(err)
	}
}

// An API server that has ended already must not cost its tier's patience.
func TestAPartThatEndedBeforeTheStopCostsNoWaiting(t *testing.T) {
	start := time.Now()
	all := []Part{{Name: "api", Tier: API, Run: func(context.Context) error { return errors.New("gone") }}}
	if err := run(t.Context(), all, func() {}, forEver); err == nil {
		t.Error("no error; want that it is gone")
	}
	if took := time.Since(start); took > forEver/10 {
		t.Errorf("the stop took %v", took)
	}
}

func TestPatienceIsBoundedForEachTier(t *testing.T) {
	var j journal
	var started sync.WaitGroup
	release := make(chan struct{})
	defer close(release)
	deaf := Part{Name: "deaf", Tier: Clients, Run: func(context.Context) error { <-release; return nil }}
	ctx, stop := context.WithCancel(t.Context())
	all := []Part{deaf, j.service("api", API, &started), j.service("datastore", Datastore, &started)}
	go func() { started.Wait(); stop() }()
	const patience = 50 * time.Millisecond
	start := time.Now()
	if err := run(ctx, all, func() {}, patience); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < patience || took > forEver/10 {
		t.Errorf("the stop took %v; want the patience with one part, %v", took, patience)
	}
	j.want(t, "api", "datastore")
}

func TestWhatFailsDuringAStopIsNoError(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	all := []Part{
		{Name: "client", Tier: Clients, Run: func(ctx context.Context) error {
			stop()
			<-ctx.Done()
			return errors.New("interrupted")
		}},
		{Name: "api", Tier: API, Run: func(ctx context.Context) error { <-ctx.Done(); return errors.New("closed") }},
	}
	if err := run(ctx, all, func() {}, forEver); err != nil {
		t.Errorf("%v; want none", err)
	}
}

func TestAMarkMayBeReachedTwice(t *testing.T) {
	m := NewMark("")
	m.Reach()
	m.Reach()
	select {
	case <-m.Reached():
	default:
		t.Error("it is not reached")
	}
}
