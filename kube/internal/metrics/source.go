package metrics

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/metrics/pkg/apis/metrics"
	"k8s.io/utils/clock"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

// A source has the usage of nodes and pods for as long as somebody asks for it.
type source struct {
	ctx   context.Context
	clock clock.WithTicker
	// first measures for somebody who waits: what was before, too, because usage is a difference.
	first func(context.Context) (before, now *storage.MetricsBatch)
	every func(context.Context) *storage.MetricsBatch

	mu    sync.Mutex
	asked time.Time // when somebody last did
	round *round    // nil while nobody asks
}

// A round is a time in which somebody asks.
type round struct {
	points storage.Storage
	filled chan struct{} // closed when there are points
}

func newSource(ctx context.Context, c clock.WithTicker,
	first func(context.Context) (before, now *storage.MetricsBatch), every func(context.Context) *storage.MetricsBatch) *source {
	return &source{ctx: ctx, clock: c, first: first, every: every}
}

// GetNodeMetrics leaves out nodes that could not be asked.
func (s *source) GetNodeMetrics(nodes ...*corev1.Node) ([]metrics.NodeMetrics, error) {
	return s.points().GetNodeMetrics(nodes...)
}

// GetPodMetrics leaves out pods that were not measured yet.
func (s *source) GetPodMetrics(pods ...*metav1.PartialObjectMetadata) ([]metrics.PodMetrics, error) {
	return s.points().GetPodMetrics(pods...)
}

// points begins a round if there is none. Whoever asks while kubelets are asked for the first time waits for that.
func (s *source) points() storage.Storage {
	s.mu.Lock()
	s.asked = s.clock.Now()
	r := s.round
	if r == nil {
		r = &round{storage.NewStorage(resolution), make(chan struct{})}
		s.round = r
		go s.run(r)
	}
	s.mu.Unlock()
	select {
	case <-r.filled:
	case <-s.ctx.Done():
	}
	return r.points
}

// run keeps a round up to date until nobody has asked for a while.
func (s *source) run(r *round) {
	before, now := s.first(s.ctx)
	r.points.Store(before)
	r.points.Store(now)
	close(r.filled)
	if len(before.Nodes) == 0 {
		// Kubelets that have just started have no answer yet. The next request asks them anew, not two ticks later.
		s.forget()
		return
	}
	ticker := s.clock.NewTicker(resolution)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C():
		}
		if s.end() {
			return
		}
		r.points.Store(s.every(s.ctx))
	}
}

// end ends the round if it is time.
func (s *source) end() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clock.Since(s.asked) < patience {
		return false
	}
	s.round = nil
	return true
}

func (s *source) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round = nil
}
