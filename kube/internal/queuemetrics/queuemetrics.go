// Package queuemetrics leaves out the metrics of Kubernetes' work queues (workqueue_*), unless somebody wants them.
//
// Each of the eighty queues of a server has a goroutine for them, which wakes up twice a second. Of an idle server that
// is a quarter of its processor time, and on most nodes nobody ever looks.
package queuemetrics

import (
	"os"
	"sync"
	_ "unsafe" // for the link below

	_ "k8s.io/client-go/util/workqueue" // must be initialised before
)

// Variable is what to set in the environment, to anything, to have the metrics.
const Variable = "K3OS_QUEUE_METRICS"

// provider lets only the first provider of metrics in. It is used up before upstream's comes, so none is let in.
// Upstream installs its own when k8s.io/component-base is initialised. Go initialises packages in the order of their
// paths, so this one comes first. The test fails should one of that change.
//
//go:linkname provider k8s.io/client-go/util/workqueue.setGlobalMetricsProviderOnce
var provider sync.Once

func init() {
	if os.Getenv(Variable) == "" {
		provider.Do(func() {})
	}
}
