package metrics

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// measured is a batch of one node that has used cpu seconds by then.
func measured(then time.Time, cpu uint64) *storage.MetricsBatch {
	return &storage.MetricsBatch{Nodes: map[string]storage.MetricsPoint{
		"n": {Timestamp: then, CumulativeCPUUsed: cpu * 1e9, MemoryUsage: 1 << 20},
	}}
}

// milliCores asks s for the usage of the node.
func milliCores(t *testing.T, s *source) int64 {
	t.Helper()
	got, err := s.GetNodeMetrics(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}})
	if err != nil || len(got) != 1 {
		t.Fatalf("GetNodeMetrics = %v, %v; want one node", got, err)
	}
	return got[0].Usage.Cpu().MilliValue()
}

// isAsked tells whether a round is under way.
func (s *source) isAsked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.round != nil
}

func TestASourceMeasuresWhileSomebodyAsks(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	start := time.Unix(1000, 0)
	clock := clocktesting.NewFakeClock(start)
	var opened atomic.Int32
	again := make(chan time.Time)
	first := func(context.Context) (before, now *storage.MetricsBatch) {
		opened.Add(1)
		return measured(clock.Now().Add(-resolution), 15), measured(clock.Now(), 30)
	}
	every := func(context.Context) *storage.MetricsBatch {
		again <- clock.Now()
		return measured(clock.Now(), 60)
	}
	s := newSource(ctx, clock, first, every)
	if opened.Load() != 0 || clock.HasWaiters() {
		t.Fatal("it measures before anybody asks")
	}
	if got := milliCores(t, s); got != 1000 {
		t.Errorf("the first answer is %dm; want 1000m", got)
	}

	waitFor(t, clock.HasWaiters)
	clock.Step(resolution)
	<-again
	waitFor(t, func() bool { return milliCores(t, s) == 2000 })

	rounds := 0
	for ended := false; !ended; rounds++ {
		clock.Step(resolution)
		select {
		case <-again:
		case <-whenTrue(func() bool { return !s.isAsked() }):
			ended = true
		}
	}
	if want := int(patience / resolution); rounds != want {
		t.Errorf("it ends after %d rounds; want %d", rounds, want)
	}
	if got := milliCores(t, s); got != 1000 || opened.Load() != 2 {
		t.Errorf("after the silence %dm, opened %d times; want 1000m of a second round", got, opened.Load())
	}
}

func TestAllWhoAskAtOnceWaitForOneRound(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	now := time.Unix(1000, 0)
	clock := clocktesting.NewFakeClock(now)
	var opened atomic.Int32
	release := make(chan struct{})
	s := newSource(ctx, clock, func(context.Context) (_, _ *storage.MetricsBatch) {
		opened.Add(1)
		<-release
		return measured(now.Add(-resolution), 0), measured(now, 15)
	}, nil)
	got := make(chan int64)
	for range 3 {
		go func() { got <- milliCores(t, s) }()
	}
	waitFor(t, func() bool { return opened.Load() == 1 })
	close(release)
	for range 3 {
		if m := <-got; m != 1000 {
			t.Errorf("%dm; want 1000m", m)
		}
	}
	if opened.Load() != 1 {
		t.Errorf("kubelets were asked %d times; want once", opened.Load())
	}
}

func TestAnEmptyAnswerIsNotKept(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	now := time.Unix(1000, 0)
	started := false
	s := newSource(ctx, clocktesting.NewFakeClock(now), func(context.Context) (_, _ *storage.MetricsBatch) {
		if !started {
			return &storage.MetricsBatch{}, measured(now, 15)
		}
		return measured(now.Add(-resolution), 0), measured(now, 15)
	}, nil)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	if got, err := s.GetNodeMetrics(n); err != nil || len(got) != 0 {
		t.Fatalf("GetNodeMetrics = %v, %v; want nothing", got, err)
	}
	waitFor(t, func() bool { return !s.isAsked() })
	started = true
	if got := milliCores(t, s); got != 1000 {
		t.Errorf("%dm; want 1000m as soon as the kubelet has an answer", got)
	}
}

func TestNobodyWaitsForAServerThatStops(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	s := newSource(ctx, clocktesting.NewFakeClock(time.Unix(1000, 0)), func(ctx context.Context) (_, _ *storage.MetricsBatch) {
		select {} // a kubelet that never answers
	}, nil)
	stop()
	if got, err := s.GetPodMetrics(); err != nil || len(got) != 0 {
		t.Errorf("GetPodMetrics = %v, %v; want nothing", got, err)
	}
}

// waitFor returns when ok does. The test's own deadline ends one that never does.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	select {
	case <-whenTrue(ok):
	case <-time.After(time.Minute):
		t.Fatal("waited for a minute")
	}
}

func whenTrue(ok func() bool) <-chan struct{} {
	c := make(chan struct{})
	go func() {
		defer close(c)
		for !ok() {
			time.Sleep(time.Millisecond)
		}
	}()
	return c
}
