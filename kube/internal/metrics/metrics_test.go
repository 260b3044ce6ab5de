package metrics

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	"k8s.io/component-base/compatibility"
	"k8s.io/kubernetes/pkg/generated/openapi"
	kubeletclient "k8s.io/kubernetes/pkg/kubelet/client"
	"k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/metrics-server/pkg/api"
)

// A fakeKubelet answers, by TLS and to whoever has a certificate, as a kubelet whose node n has used an hour of
// processor time and uses 250m, and whose container c of pod p in namespace ns has used a minute and uses 50m.
type fakeKubelet struct {
	config kubeletclient.KubeletClientConfig
	port   int32

	mu    sync.Mutex
	asked map[string]int
	// summary is what it answers to /stats/summary. "" is a refusal.
	summary string
}

const usualSummary = `{
	"node": {"cpu": {"usageNanoCores": 250000000}},
	"pods": [{"podRef": {"name": "p", "namespace": "ns"}, "containers": [{"name": "c", "cpu": {"usageNanoCores": 50000000}}]}]
}`

func startKubelet(t *testing.T) *fakeKubelet {
	t.Helper()
	k := &fakeKubelet{asked: map[string]int{}, summary: usualSummary}
	measured := time.Now()
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics/resource", func(w http.ResponseWriter, r *http.Request) {
		ms := measured.UnixMilli()
		fmt.Fprintf(w, "node_cpu_usage_seconds_total 3600 %d\nnode_memory_working_set_bytes 1.048576e+09 %d\n", ms, ms)
		const labels = `{container="c",namespace="ns",pod="p"}`
		fmt.Fprintf(w, "container_start_time_seconds%s %d\n", labels, measured.Add(-time.Hour).Unix())
		fmt.Fprintf(w, "container_cpu_usage_seconds_total%s 60 %d\n", labels, ms)
		fmt.Fprintf(w, "container_memory_working_set_bytes%s 2.097152e+06 %d\n", labels, ms)
	})
	mux.HandleFunc("/stats/summary", func(w http.ResponseWriter, r *http.Request) {
		if k.summary == "" {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, k.summary)
	})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		k.asked[r.URL.Path]++
		k.mu.Unlock()
		mux.ServeHTTP(w, r)
	}))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)

	crt, key, err := cert.GenerateSelfSignedCertKey("api", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	k.config = kubeletclient.KubeletClientConfig{
		Port: 10250, PreferredAddressTypes: []string{"InternalIP"},
		TLSClientConfig: kubeletclient.KubeletTLSConfig{
			CertFile: file("crt", crt), KeyFile: file("key", key),
			CAFile: file("ca", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		},
	}
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	k.port = int32(n)
	return k
}

func (k *fakeKubelet) node() *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"zone": "a"}}}
	n.Status.Addresses = []corev1.NodeAddress{{Type: "Hostname", Address: "n.invalid"}, {Type: "InternalIP", Address: "127.0.0.1"}}
	n.Status.DaemonEndpoints.KubeletEndpoint.Port = k.port
	return n
}

// serve is an API server that has metrics.k8s.io alone.
func serve(t *testing.T, k *fakeKubelet) http.Handler {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	config := genericapiserver.NewConfig(api.Codecs)
	config.ExternalAddress = "127.0.0.1:443"
	config.LoopbackClientConfig = &rest.Config{}
	config.EffectiveVersion = compatibility.NewEffectiveVersionFromString("1.37", "", "")
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, apiopenapi.NewDefinitionNamer(api.Scheme))
	config.Authorization.Authorizer = authorizerfactory.NewAlwaysAllowAuthorizer()
	server, err := config.Complete(nil).New("test", genericapiserver.NewEmptyDelegate())
	if err != nil {
		t.Fatal(err)
	}
	pod := func(name string, labels map[string]string) *corev1.Pod {
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: labels}}
	}
	caches := informers.NewSharedInformerFactory(fake.NewClientset(k.node(), pod("p", map[string]string{"app": "x"}), pod("new", nil)), 0)
	if err := Install(ctx, server, caches, k.config); err != nil {
		t.Fatal(err)
	}
	caches.Start(ctx.Done())
	caches.WaitForCacheSync(ctx.Done())
	return server.Handler
}

func get(t *testing.T, h http.Handler, path string, into any) int {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/apis/metrics.k8s.io/v1beta1"+path, nil))
	if w.Code == http.StatusOK {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", w.Body, err)
		}
	}
	return w.Code
}

func TestTheFirstRequestHasAnAnswer(t *testing.T) {
	k := startKubelet(t)
	h := serve(t, k)
	if len(k.asked) > 0 {
		t.Errorf("the kubelet is asked before anybody asks: %v", k.asked)
	}
	var nodes v1beta1.NodeMetricsList
	if code := get(t, h, "/nodes", &nodes); code != http.StatusOK || len(nodes.Items) != 1 {
		t.Fatalf("GET /nodes = %d, %+v; want one node", code, nodes)
	}
	n := nodes.Items[0]
	if cpu, memory := n.Usage.Cpu().MilliValue(), n.Usage.Memory().Value(); n.Name != "n" || cpu != 250 || memory != 1048576000 {
		t.Errorf("%s uses %dm and %d bytes; want n, 250m, 1048576000", n.Name, cpu, memory)
	}
	for _, query := range []string{"/pods", "/namespaces/ns/pods", "/namespaces/ns/pods?labelSelector=app=x"} {
		var pods v1beta1.PodMetricsList
		if code := get(t, h, query, &pods); code != http.StatusOK || len(pods.Items) != 1 || pods.Items[0].Name != "p" {
			t.Fatalf("GET %s = %d, %+v; want the pod that runs", query, code, pods)
		}
		if c := pods.Items[0].Containers[0]; c.Name != "c" || c.Usage.Cpu().MilliValue() != 50 || c.Usage.Memory().Value() != 2097152 {
			t.Errorf("GET %s: %+v; want c, 50m, 2097152", query, c)
		}
	}
	var one v1beta1.PodMetrics
	if code := get(t, h, "/namespaces/ns/pods/p", &one); code != http.StatusOK || one.Window.Duration != resolution {
		t.Errorf("GET of the pod = %d, %+v; want its usage of %s", code, one, resolution)
	}
	for _, path := range []string{"/namespaces/ns/pods/new", "/namespaces/ns/pods/none", "/namespaces/other/pods/p", "/nodes/none"} {
		if code := get(t, h, path, &one); code != http.StatusNotFound {
			t.Errorf("GET %s = %d; want 404", path, code)
		}
	}
	if k.asked["/metrics/resource"] != 1 || k.asked["/stats/summary"] != 1 {
		t.Errorf("the kubelet was asked %v; want each question once", k.asked)
	}
}

func TestAKubeletWithoutASummaryHasNoAnswerYet(t *testing.T) {
	k := startKubelet(t)
	k.summary = ""
	var nodes v1beta1.NodeMetricsList
	if code := get(t, serve(t, k), "/nodes", &nodes); code != http.StatusOK || len(nodes.Items) != 0 {
		t.Errorf("GET /nodes = %d, %+v; want an empty list", code, nodes)
	}
}

func TestANodeThatIsGoneTakesOnlyItself(t *testing.T) {
	k := startKubelet(t)
	kubelets, err := newKubelets(k.config)
	if err != nil {
		t.Fatal(err)
	}
	gone := k.node()
	gone.Name, gone.Status.Addresses = "gone", nil
	o := newOpening(kubelets.resource, kubelets.summary)
	if _, err := o.GetMetrics(context.Background(), gone); err == nil {
		t.Error("a node without an address has metrics")
	}
	if now, err := o.GetMetrics(context.Background(), k.node()); err != nil || len(now.Nodes) != 1 || len(o.before.Nodes) != 1 {
		t.Errorf("GetMetrics = %v, %v, before %v; want the node that is there", now, err, o.before)
	}
}
