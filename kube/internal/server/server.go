// Package server runs a Kubernetes server: the control plane and, beside it, this machine as a node.
package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	basecompatibility "k8s.io/component-base/compatibility"
	apioptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/logging"
	"k3os.io/kube/internal/manifests"
	"k3os.io/kube/internal/memory"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/stage"
)

// stopPatience bounds each half of a stop: what has not ended by then ends with the process.
const stopPatience = 3 * time.Second

// Run runs a server until ctx ends, which is no error, or a part of it cannot go on. Pods keep running either way.
//
// What starts last stops first: whoever works with the API, then the API, then the datastore. So nobody spends the stop
// on complaining about what he lost.
func Run(ctx context.Context, cfg config.Server) error {
	stage.Reached(stage.ProcessStart)
	settle := memory.Start()
	host, err := preflight(ctx, cfg)
	if err != nil {
		return err
	}
	store, err := newStore(cfg, host)
	if err != nil {
		return err
	}
	apiReady := make(chan struct{})
	node, err := newNode(cfg, host, store, apiReady)
	if err != nil {
		return err
	}

	apiContext, stopAPI := context.WithCancel(context.WithoutCancel(ctx))
	defer stopAPI()
	dbContext, closeDB := context.WithCancel(context.WithoutCancel(ctx))
	defer closeDB()

	g, working := errgroup.WithContext(ctx)
	if !cfg.DisableAgent {
		// The runtime needs neither certificates nor the API: it starts at once.
		g.Go(func() error { return node.Run(working) })
	}
	apiEnded := make(chan error, 1)
	g.Go(func() error {
		parts, err := prepare(dbContext, cfg, host, store)
		if err != nil {
			return err
		}
		go func() { apiEnded <- serveAPI(apiContext, parts.api) }()
		return runControlPlane(working, g, cfg, host, store, parts, node, apiReady, settle)
	})
	g.Go(func() error {
		select {
		case <-working.Done():
			return nil
		case err := <-apiEnded:
			return ended(working, "kube-apiserver", err)
		}
	})

	failed := make(chan error, 1)
	go func() { failed <- g.Wait() }()
	select {
	case err = <-failed:
	case <-ctx.Done():
		logging.Stopping()
		select {
		case <-failed:
		case <-time.After(stopPatience):
		}
	}
	logging.Stopping()
	stopAPI()
	select {
	case <-apiEnded:
	case <-time.After(stopPatience):
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// nodePatience is how long the controllers leave the machine to the kubelet.
const nodePatience = 10 * time.Second

// prepare makes everything that the components are told about when they start.
func prepare(dbContext context.Context, cfg config.Server, host hostFacts, store *pki.Store) (components, error) {
	var (
		g    errgroup.Group
		etcd datastore.Endpoint
	)
	g.Go(func() error { return ensureCredentials(cfg, store) })
	g.Go(func() (err error) {
		etcd, err = datastore.SQLite{Dir: cfg.ServerDir("db"), Name: cfg.DatastoreEndpoint}.Open(dbContext)
		return err
	})
	if err := g.Wait(); err != nil {
		return components{}, err
	}
	return parseComponents(cfg, host, store, etcd.URL)
}

// runControlPlane waits for the API and starts what works with it in g.
func runControlPlane(ctx context.Context, g *errgroup.Group, cfg config.Server, host hostFacts, store *pki.Store, parts components, node *agent.Node, apiReady chan<- struct{}, settle func()) error {
	clientConfig, err := clientcmd.BuildConfigFromFlags("", store.Kubeconfigs()[pki.Supervisor])
	if err != nil {
		return err
	}
	clientConfig.QPS, clientConfig.Burst = -1, -1
	client, err := kubernetes.NewForConfig(clientConfig)
	if err != nil {
		return err
	}
	if awaitAPI(ctx, client) != nil {
		return nil // only the end of ctx ends the wait
	}
	stage.Reached(stage.APIReady)
	close(apiReady)

	// On a small machine everything that starts now takes the CPU from the kubelet, and without a node the controllers
	// have nothing to do. So they wait for it, but not for one that does not come.
	nodeReady := make(chan struct{})
	later := func(part func() error) {
		g.Go(func() error {
			select {
			case <-ctx.Done():
				return nil
			case <-nodeReady:
			case <-time.After(nodePatience):
			}
			return part()
		})
	}
	if !cfg.DisableControllerManager {
		later(func() error { return ended(ctx, "kube-controller-manager", runControllers(ctx, parts.controllers)) })
	}
	if !cfg.DisableScheduler {
		later(func() error { return ended(ctx, "kube-scheduler", runScheduler(ctx, parts.scheduler)) })
	}
	later(func() error { return deploy(ctx, cfg, clientConfig) })
	g.Go(func() error { return renew(ctx, cfg, store) })
	if cfg.DisableAgent {
		close(nodeReady)
		settle()
	} else {
		g.Go(func() error {
			err := followNode(ctx, client, cfg, host)
			close(nodeReady)
			settle()
			if err != nil {
				return err
			}
			if err := followPodCIDR(ctx, client, node); err != nil || cfg.Disabled(coredns.Name) {
				return err
			}
			return followDNS(ctx, client)
		})
	}
	return nil
}

type components struct {
	api         *apioptions.ServerRunOptions
	controllers *controlleroptions.KubeControllerManagerOptions
	scheduler   *scheduleroptions.Options
}

// parseComponents reads all command lines before it applies the feature gates, which the components share.
func parseComponents(cfg config.Server, host hostFacts, store *pki.Store, etcd string) (c components, err error) {
	if c.api, err = apiServerOptions(cfg, host, store, etcd); err != nil {
		return c, err
	}
	if c.controllers, err = controllerOptions(cfg, store); err != nil {
		return c, err
	}
	if c.scheduler, err = schedulerOptions(cfg, store); err != nil {
		return c, err
	}
	registry := c.api.GenericServerRunOptions.ComponentGlobalsRegistry
	if registry.FeatureGateFor(basecompatibility.DefaultKubeComponent) == nil {
		return c, errors.New("Kubernetes' feature gates are not registered")
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	return c, registry.Set()
}

func newStore(cfg config.Server, host hostFacts) (*pki.Store, error) {
	cluster, err := cfg.APIServiceAddress()
	if err != nil {
		return nil, err
	}
	names := pki.Names{
		NodeName: host.nodeName, NodeIPs: host.nodeIPs,
		APIIPs: []net.IP{host.advertise}, ClusterIP: net.IP(cluster.AsSlice()), Domain: cfg.ClusterDomain,
	}
	for _, s := range slices.Concat(cfg.TLSSANs, cfg.NodeExternalIP, []string{bindAddress(cfg)}) {
		if ip := net.ParseIP(s); ip != nil && !ip.IsUnspecified() {
			names.APIIPs = append(names.APIIPs, ip)
		} else if ip == nil {
			names.APINames = append(names.APINames, s)
		}
	}
	return pki.New(cfg.ServerDir("tls"), cfg.AgentDir(), names), nil
}

// ensureCredentials makes or renews what nodes, components and the administrator identify themselves with.
func ensureCredentials(cfg config.Server, store *pki.Store) error {
	if _, err := store.Ensure(); err != nil {
		return err
	}
	if err := pki.EnsureToken(cfg.ServerDir(), store.CertFile(pki.ServerCA), cfg.Token); err != nil {
		return err
	}
	address := "127.0.0.1"
	if cfg.BindAddress != "" && !net.ParseIP(cfg.BindAddress).IsUnspecified() {
		address = cfg.BindAddress
	}
	url := fmt.Sprintf("https://%s", net.JoinHostPort(address, strconv.Itoa(cfg.HTTPSListenPort)))
	if err := store.WriteKubeconfigs(url); err != nil {
		return err
	}
	mode := os.FileMode(0o600)
	if cfg.WriteKubeconfigMode != "" {
		m, _ := strconv.ParseUint(cfg.WriteKubeconfigMode, 8, 12) // config has checked it
		mode = os.FileMode(m)
	}
	return store.WriteAdmin(cfg.WriteKubeconfig, url, mode, cfg.WriteKubeconfigGroup)
}

// renew looks after the certificates of a server that is never restarted.
func renew(ctx context.Context, cfg config.Server, store *pki.Store) error {
	tick := time.NewTicker(12 * time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			written, err := store.Ensure()
			if err == nil && len(written) > 0 {
				err = ensureCredentials(cfg, store)
				fmt.Fprintf(os.Stderr, "k3s: renewed the certificates %v\n", written)
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot renew certificates: %v\n", err)
			}
		}
	}
}

func newNode(cfg config.Server, host hostFacts, store *pki.Store, apiReady <-chan struct{}) (*agent.Node, error) {
	network, err := agent.NewNetwork(cfg.ClusterCIDR[0], cfg.FlannelBackend, cfg.AgentDir(), cfg.CNIBinDirs)
	if err != nil {
		return nil, err
	}
	dns, err := cfg.DNSAddress()
	if err != nil {
		return nil, err
	}
	files := store.Kubeconfigs()
	return &agent.Node{
		Config: cfg.Node, Name: host.nodeName, IPs: host.nodeIPs, Network: network,
		ClusterDNS: dns, ClusterDomain: cfg.ClusterDomain, ServesDNS: len(cfg.ClusterDNS) > 0 || !cfg.Disabled(coredns.Name),
		KubeProxy: !cfg.DisableKubeProxy, KubeletConfig: files[pki.Kubelet], KubeProxyConfig: files[pki.KubeProxy],
		Ready: apiReady,
	}, nil
}

// deploy writes the packaged components beside the user's own manifests and keeps all of them applied.
func deploy(ctx context.Context, cfg config.Server, client *rest.Config) error {
	dir := cfg.ServerDir("manifests")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	switch {
	case cfg.Disabled(coredns.Name):
		if err := coredns.RemoveManifest(dir); err != nil {
			return err
		}
	case !cfg.DisableAgent:
		dns, err := cfg.DNSAddress()
		if err != nil {
			return err
		}
		if err := coredns.WriteManifest(dir, coredns.Values{
			ClusterIP: dns.String(), ClusterDomain: cfg.ClusterDomain, Image: cfg.PauseImage,
		}); err != nil {
			return fmt.Errorf("cannot write CoreDNS's manifest: %w", err)
		}
	}
	return manifests.Run(ctx, client, manifests.Options{Dir: dir, Disabled: cfg.Disable})
}

// awaitAPI returns when /readyz says ok.
func awaitAPI(ctx context.Context, client kubernetes.Interface) error {
	return wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		b, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil && string(b) == "ok", nil
	})
}

// ended turns the end of a component that should run for ever into an error, unless the server itself is ending.
func ended(ctx context.Context, name string, err error) error {
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return fmt.Errorf("%s ended without saying why", name)
	default:
		return fmt.Errorf("%s: %w", name, err)
	}
}
