package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/storage"
	"sigs.k8s.io/metrics-server/pkg/utils"
)

// An opening is the first question to each kubelet. A kubelet measures every 10 to 15 seconds, so a second question
// right after it would get the same numbers. But its summary has the rate between its own last two measurements, from
// which follows what the one before the last would have been.
type opening struct {
	resource client.KubeletMetricsGetter
	summary  summaryGetter

	mu     sync.Mutex
	before *storage.MetricsBatch
}

// maxSummary is far more than a kubelet with the most pods has to say.
const maxSummary = 16 << 20

type summaryGetter func(context.Context, *corev1.Node) (*statsapi.Summary, error)

func newOpening(resource client.KubeletMetricsGetter, summary summaryGetter) *opening {
	return &opening{resource: resource, summary: summary, before: &storage.MetricsBatch{
		Nodes: map[string]storage.MetricsPoint{}, Pods: map[types.NamespacedName]storage.PodMetricsPoint{},
	}}
}

// GetMetrics returns what the node measured last, and adds what comes before that to o.before.
func (o *opening) GetMetrics(ctx context.Context, node *corev1.Node) (*storage.MetricsBatch, error) {
	now, err := o.resource.GetMetrics(ctx, node)
	if err != nil {
		return nil, err
	}
	summary, err := o.summary(ctx, node)
	if err != nil {
		klog.ErrorS(err, "No usage of this node and its pods before they are measured again", "node", klog.KObj(node))
		return now, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, point := range now.Nodes {
		if p, ok := pointBefore(point, summary.Node.CPU); ok {
			o.before.Nodes[name] = p
		}
	}
	for _, pod := range summary.Pods {
		ref := types.NamespacedName{Namespace: pod.PodRef.Namespace, Name: pod.PodRef.Name}
		before := storage.PodMetricsPoint{Containers: map[string]storage.MetricsPoint{}}
		for _, c := range pod.Containers {
			point, known := now.Pods[ref].Containers[c.Name]
			if p, ok := pointBefore(point, c.CPU); known && ok {
				before.Containers[c.Name] = p
			}
		}
		if len(before.Containers) > 0 {
			o.before.Pods[ref] = before
		}
	}
	return now, nil
}

// pointBefore is where p came from at the rate of cpu, one resolution ago or when it was started. There is none without
// a rate.
func pointBefore(p storage.MetricsPoint, cpu *statsapi.CPUStats) (storage.MetricsPoint, bool) {
	if cpu == nil || cpu.UsageNanoCores == nil {
		return p, false
	}
	window := resolution
	if age := p.Timestamp.Sub(p.StartTime); age < window {
		window = age - time.Millisecond // strictly after the start, or it would count as another container's
	}
	if window <= 0 {
		return p, false
	}
	used := uint64(float64(*cpu.UsageNanoCores) * window.Seconds())
	p.CumulativeCPUUsed -= min(used, p.CumulativeCPUUsed)
	p.Timestamp = p.Timestamp.Add(-window)
	return p, true
}

// summaryClient asks a kubelet for the part of its summary that is about processors and memory.
type summaryClient struct {
	http      *http.Client
	addresses utils.NodeAddressResolver
	port      int // of kubelets that do not say theirs
}

func (c summaryClient) get(ctx context.Context, node *corev1.Node) (*statsapi.Summary, error) {
	address, err := c.addresses.NodeAddress(node)
	if err != nil {
		return nil, err
	}
	port := c.port
	if own := int(node.Status.DaemonEndpoints.KubeletEndpoint.Port); own != 0 {
		port = own
	}
	u := url.URL{
		Scheme: "https", Host: net.JoinHostPort(address, strconv.Itoa(port)),
		Path: "/stats/summary", RawQuery: "only_cpu_and_memory=true",
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: expected 200, got %s", u.String(), res.Status)
	}
	var summary statsapi.Summary
	if err := json.NewDecoder(io.LimitReader(res.Body, maxSummary)).Decode(&summary); err != nil {
		return nil, fmt.Errorf("%s: %w", u.String(), err)
	}
	return &summary, nil
}
