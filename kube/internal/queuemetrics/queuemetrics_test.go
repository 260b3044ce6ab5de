package queuemetrics_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/component-base/metrics/legacyregistry"
	_ "k8s.io/component-base/metrics/prometheus/workqueue"

	"k3os.io/kube/internal/queuemetrics"
)

// Runs itself once more with the variable set, for a process decides but once.
func TestQueueMetrics(t *testing.T) {
	q := workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[string]{Name: "test"})
	defer q.ShutDown()
	q.Add("a")
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, f := range families {
		found = found || strings.HasPrefix(f.GetName(), "workqueue_")
	}
	wanted := os.Getenv(queuemetrics.Variable) != ""
	if found != wanted {
		t.Errorf("%s=%q: the queue has metrics: %v; want %v", queuemetrics.Variable, os.Getenv(queuemetrics.Variable), found, wanted)
	}
	if wanted {
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^TestQueueMetrics$")
	again.Env = append(os.Environ(), queuemetrics.Variable+"=1")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("with the variable set: %v\n%s", err, out)
	}
}
