package server

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
	genericapiserver "k8s.io/apiserver/pkg/server"
	encryptionreload "k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	"k8s.io/client-go/tools/cache"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	rbacrest "k8s.io/kubernetes/pkg/registry/rbac/rest"
	schedulingrest "k8s.io/kubernetes/pkg/registry/scheduling/rest"

	"k3os.io/kube/internal/componentargs"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/metrics"
	"k3os.io/kube/internal/pki"
)

// apiServerOptions parses the API server's command line.
func apiServerOptions(cfg config.Server, host hostFacts, store *pki.Store, etcd string) (*options.ServerRunOptions, error) {
	o := options.NewServerRunOptions()
	fs := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, f := range o.Flags().FlagSets {
		fs.AddFlagSet(f)
	}
	agent := func(name string) string { return filepath.Join(store.Agent, name) }
	defaults := [][2]string{
		{"advertise-address", host.advertise.String()},
		{"allow-privileged", "true"},
		{"anonymous-auth", "false"},
		{"api-audiences", "https://kubernetes.default.svc." + cfg.ClusterDomain + ",k3s"},
		{"authorization-mode", "Node,RBAC"},
		{"bind-address", bindAddress(cfg)},
		{"cert-dir", filepath.Join(store.Server, "temporary-certs")},
		{"client-ca-file", store.CertFile(pki.ClientCA)},
		{"enable-admission-plugins", "NodeRestriction"},
		{"enable-bootstrap-token-auth", "true"},
		{"etcd-servers", etcd},
		{"kubelet-certificate-authority", agent(pki.ServerCA + ".crt")},
		{"kubelet-client-certificate", store.CertFile(pki.APIToKubelet)},
		{"kubelet-client-key", store.KeyFile(pki.APIToKubelet)},
		{"kubelet-preferred-address-types", "InternalIP,ExternalIP,Hostname"},
		{"profiling", "false"},
		{"proxy-client-cert-file", store.CertFile(pki.AuthProxy)},
		{"proxy-client-key-file", store.KeyFile(pki.AuthProxy)},
		{"requestheader-allowed-names", "system:auth-proxy"},
		{"requestheader-client-ca-file", store.CertFile(pki.RequestHeaderCA)},
		{"requestheader-extra-headers-prefix", "X-Remote-Extra-"},
		{"requestheader-group-headers", "X-Remote-Group"},
		{"requestheader-username-headers", "X-Remote-User"},
		{"secure-port", fmt.Sprint(cfg.HTTPSListenPort)},
		{"service-account-issuer", "https://kubernetes.default.svc." + cfg.ClusterDomain},
		{"service-account-key-file", filepath.Join(store.Server, pki.ServiceAccountKey)},
		{"service-account-signing-key-file", filepath.Join(store.Server, pki.ServiceAccountKey)},
		{"service-cluster-ip-range", strings.Join(cfg.ServiceCIDR, ",")},
		{"service-node-port-range", cfg.ServiceNodePortRange},
		{"storage-backend", "etcd3"},
		{"tls-cert-file", store.CertFile(pki.APIServer)},
		{"tls-private-key-file", store.KeyFile(pki.APIServer)},
	}
	if _, err := os.Stat(pki.EncryptionFile(cfg.ServerDir())); err == nil {
		defaults = append(defaults,
			[2]string{"encryption-provider-config", pki.EncryptionFile(cfg.ServerDir())},
			[2]string{"encryption-provider-config-automatic-reload", "true"})
		encryptionreload.EncryptionConfigFileChangePollDuration = rereadEncryption
	}
	if err := fs.Parse(componentargs.Merge(defaults, cfg.APIServerArgs)); err != nil {
		return nil, fmt.Errorf("--kube-apiserver-arg: %w", err)
	}
	return o, nil
}

// An addition is what this build's API server has that upstream's has not.
type addition struct {
	// joining answers machines that join, and leaves the rest to its argument.
	joining func(http.Handler) http.Handler
	// metrics is whether metrics.k8s.io is served. It is registered when settled is closed.
	metrics bool
	settled <-chan struct{}
}

// serveAPI runs the API server until ctx ends.
func serveAPI(ctx context.Context, o *options.ServerRunOptions, more addition) error {
	completed, err := o.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return errs[0]
	}
	if completed.InformerName, err = cache.NewInformerName("kube-apiserver"); err != nil {
		return err
	}
	cfg, err := app.NewConfig(completed)
	if err != nil {
		return err
	}
	// Upstream's hooks for RBAC and priority classes sleep a second before their first try and then make one request
	// after the other. Ours do the same work at once; they take the hooks' names, so /readyz reads as everywhere.
	replaced := map[string]genericapiserver.PostStartHookFunc{
		rbacrest.PostStartHookName:       bootstrapRBAC,
		schedulingrest.PostStartHookName: bootstrapPriorityClasses,
	}
	disabled := cfg.KubeAPIs.ControlPlane.Generic.DisabledPostStartHooks
	for name := range replaced {
		disabled.Insert(name)
	}
	builtIn := cfg.KubeAPIs.ControlPlane.Generic
	builtIn.SkipOpenAPIInstallation = true
	outermost := &cfg.Aggregator.GenericConfig.Config
	build := outermost.BuildHandlerChainFunc
	outermost.BuildHandlerChainFunc = func(api http.Handler, c *genericapiserver.Config) http.Handler {
		return more.joining(build(api, c))
	}
	done, err := cfg.Complete()
	if err != nil {
		return err
	}
	chain, err := app.CreateServerChain(done)
	if err != nil {
		return err
	}
	for name, hook := range replaced {
		disabled.Delete(name)
		chain.GenericAPIServer.AddPostStartHookOrDie(name, hook)
	}
	if err := more.addMetrics(ctx, chain, cfg, o); err != nil {
		return fmt.Errorf("metrics.k8s.io: %w", err)
	}
	if err := installOpenAPI(chain.GenericAPIServer.NextDelegate(), builtIn.OpenAPIConfig, builtIn.OpenAPIV3Config, time.Now()); err != nil {
		return err
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return err
	}
	// Every type's schema, which nothing needs from here on. Whoever builds a document makes them anew.
	builtIn.OpenAPIV3Config.Definitions = nil
	return prepared.Run(ctx)
}

// addMetrics serves metrics.k8s.io among the built-in groups. The aggregator looks for an APIService of it.
func (a addition) addMetrics(ctx context.Context, chain *aggregator.APIAggregator, cfg *app.Config, o *options.ServerRunOptions) error {
	if a.metrics {
		builtInConfig := cfg.KubeAPIs.ControlPlane.Generic
		builtIn, ok := chain.GenericAPIServer.NextDelegate().(*genericapiserver.GenericAPIServer)
		if !ok {
			return errNotComposed
		}
		metrics.Describe(builtInConfig.OpenAPIConfig, builtInConfig.OpenAPIV3Config)
		if err := metrics.Install(ctx, builtIn, cfg.KubeAPIs.ControlPlane.VersionedInformers, o.KubeletConfig); err != nil {
			return err
		}
	}
	client, err := clientset.NewForConfig(chain.GenericAPIServer.LoopbackClientConfig)
	if err != nil {
		return err
	}
	services := chain.APIRegistrationInformers.Apiregistration().V1().APIServices()
	registration, err := metrics.NewRegistration(services, client, a.metrics)
	if err != nil {
		return err
	}
	go func() {
		select {
		case <-a.settled:
			registration.Run(ctx)
		case <-ctx.Done():
		}
	}()
	return nil
}
