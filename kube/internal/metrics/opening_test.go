package metrics

import (
	"math/rand"
	"testing"
	"testing/quick"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"sigs.k8s.io/metrics-server/pkg/storage"
)

func TestWithoutARateThereIsNothingBefore(t *testing.T) {
	at := time.Unix(1000, 0)
	rate := uint64(1e9)
	for _, tt := range []struct {
		name string
		cpu  *statsapi.CPUStats
		p    storage.MetricsPoint
	}{
		{"no processor", nil, storage.MetricsPoint{Timestamp: at}},
		{"no rate", &statsapi.CPUStats{}, storage.MetricsPoint{Timestamp: at}},
		{"a container that starts", &statsapi.CPUStats{UsageNanoCores: &rate}, storage.MetricsPoint{Timestamp: at, StartTime: at}},
	} {
		if p, ok := pointBefore(tt.p, tt.cpu); ok {
			t.Errorf("%s: %+v; want nothing", tt.name, p)
		}
	}
}

// Whatever a kubelet says, metrics-server's storage takes both points, and answers at most with that rate.
func TestTheStorageTakesWhatCameBefore(t *testing.T) {
	at := time.Unix(1_000_000, 0)
	pod := types.NamespacedName{Namespace: "ns", Name: "p"}
	batch := func(p storage.MetricsPoint) *storage.MetricsBatch {
		return &storage.MetricsBatch{Pods: map[types.NamespacedName]storage.PodMetricsPoint{
			pod: {Containers: map[string]storage.MetricsPoint{"c": p}},
		}}
	}
	holds := func(ageMS uint32, used, rate uint64) bool {
		used, rate = used%1e18, rate%1e12
		now := storage.MetricsPoint{
			StartTime: at.Add(-time.Duration(ageMS%100_000) * time.Millisecond), Timestamp: at,
			CumulativeCPUUsed: used, MemoryUsage: 1,
		}
		before, ok := pointBefore(now, &statsapi.CPUStats{UsageNanoCores: &rate})
		if !ok {
			return now.Timestamp.Sub(now.StartTime) <= time.Millisecond
		}
		s := storage.NewStorage(resolution)
		s.Store(batch(before))
		s.Store(batch(now))
		got, err := s.GetPodMetrics(&metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}})
		if err != nil || len(got) != 1 {
			t.Logf("%+v then %+v: %v, %v", before, now, got, err)
			return false
		}
		age := now.Timestamp.Sub(now.StartTime)
		if age >= 10*time.Second && age < resolution {
			return true // metrics-server goes by the start of a container of this age
		}
		cores := got[0].Containers[0].Usage[corev1.ResourceCPU]
		return cores.AsApproximateFloat64()*1e9 <= float64(rate)+1e3
	}
	if err := quick.Check(holds, &quick.Config{MaxCount: 2000, Rand: rand.New(rand.NewSource(1))}); err != nil {
		t.Error(err)
	}
}
