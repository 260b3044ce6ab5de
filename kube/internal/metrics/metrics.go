// Package metrics serves metrics.k8s.io, which `kubectl top` and HorizontalPodAutoscalers read, inside the API server.
//
// The API and its arithmetic are metrics-server's, without its pod, certificate and aggregation. Kubelets are asked
// only while somebody asks this server, so a cluster that nobody looks at pays nothing, whatever the number of servers.
package metrics

import (
	"context"
	_ "embed"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
	"k8s.io/utils/clock"
	"sigs.k8s.io/metrics-server/pkg/api"
	"sigs.k8s.io/metrics-server/pkg/scraper"
	"sigs.k8s.io/metrics-server/pkg/scraper/client"
	"sigs.k8s.io/metrics-server/pkg/scraper/client/resource"
	"sigs.k8s.io/metrics-server/pkg/storage"
	"sigs.k8s.io/metrics-server/pkg/utils"
)

// Name is what --disable calls it.
const Name = "metrics-server"

// Manifest is the role that lets those who may view, edit or administer a namespace read its metrics.
//
//go:embed manifest.yaml
var Manifest []byte

const (
	resolution = 15 * time.Second
	patience   = 5 * time.Minute
	// timeout bounds the answer of a kubelet, and so what one that is gone costs the first request.
	timeout = 5 * time.Second
)

// Install makes server serve the group. It asks kubelets with the API server's own credential, and stops when ctx ends.
// Nodes and pods come from the API server's own caches, which its authorizer fills anyway.
func Install(ctx context.Context, server *genericapiserver.GenericAPIServer, caches informers.SharedInformerFactory, kubelets kubeletclient.KubeletClientConfig) error {
	nodes := caches.Core().V1().Nodes().Lister()
	ask, err := newKubelets(kubelets)
	if err != nil {
		return err
	}
	every := scraper.NewScraper(nodes, ask.resource, timeout, nil)
	first := func(ctx context.Context) (before, now *storage.MetricsBatch) {
		o := newOpening(ask.resource, ask.summary)
		now = scraper.NewScraper(nodes, o, timeout, nil).Scrape(ctx)
		return o.before, now
	}
	s := newSource(ctx, clock.RealClock{}, first, every.Scrape)
	return api.Install(s, podMetadata{caches.Core().V1().Pods().Lister()}, nodes, server, nil)
}

// Describe adds to the API server's documents which kinds the group's types are, for `kubectl explain`.
func Describe(v2 *common.Config, v3 *common.OpenAPIV3Config) {
	own := openapi.NewDefinitionNamer(api.Scheme)
	with := func(others func(string) (string, spec.Extensions)) func(string) (string, spec.Extensions) {
		return func(name string) (string, spec.Extensions) {
			if shown, kinds := others(name); kinds != nil {
				return shown, kinds
			}
			return own.GetDefinitionName(name)
		}
	}
	v2.GetDefinitionName = with(v2.GetDefinitionName)
	v3.GetDefinitionName = with(v3.GetDefinitionName)
}

// kubelets are the two ways to ask them.
type kubelets struct {
	resource client.KubeletMetricsGetter
	summary  summaryGetter
}

func newKubelets(c kubeletclient.KubeletClientConfig) (kubelets, error) {
	config := rest.Config{
		TLSClientConfig: rest.TLSClientConfig{
			CAFile: c.TLSClientConfig.CAFile, CertFile: c.TLSClientConfig.CertFile, KeyFile: c.TLSClientConfig.KeyFile,
		},
		Timeout: timeout,
	}
	var types []corev1.NodeAddressType
	for _, t := range c.PreferredAddressTypes {
		types = append(types, corev1.NodeAddressType(t))
	}
	metrics, err := resource.NewForConfig(&client.KubeletClientConfig{
		Client: config, AddressTypePriority: types, Scheme: "https", DefaultPort: int(c.Port), UseNodeStatusPort: true,
	})
	if err != nil {
		return kubelets{}, err
	}
	httpClient, err := rest.HTTPClientFor(&config)
	if err != nil {
		return kubelets{}, err
	}
	summary := summaryClient{httpClient, utils.NewPriorityNodeAddressResolver(types), int(c.Port)}
	return kubelets{metrics, summary.get}, nil
}
