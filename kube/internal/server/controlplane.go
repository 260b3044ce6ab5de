package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	basecompatibility "k8s.io/component-base/compatibility"
	apioptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/metrics"
	"k3os.io/kube/internal/parts"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/snapshots"
	"k3os.io/kube/internal/stage"
	"k3os.io/kube/internal/supervisor"
)

// A Datastore keeps the cluster's objects.
type Datastore interface {
	// Open returns when the datastore serves. It does so until ctx ends.
	Open(ctx context.Context) (datastore.Endpoint, error)
}

// A controlPlane is the API with its datastore, and what works with it on this machine.
type controlPlane struct {
	cfg         config.Server
	host        hostFacts
	store       *pki.Store
	credentials agent.Credentials
	datastore   Datastore
	members     *etcd.Member      // the datastore, if it is a member of etcd; otherwise nil
	joined      bool              // other servers were there before this one
	others      cluster           // whom members joins; nil if it begins a cluster, or has no --server
	snapshots   *snapshots.Keeper // of members; nil with it
	network     agent.PodNetwork
	settle      func() // ends what the process does differently while it starts
	start       start

	// What a part leaves for those that come after it.
	endpoint     datastore.Endpoint // when the datastore is open
	options      componentOptions   // when they are read
	clientConfig *rest.Config       // when the API is ready
	client       kubernetes.Interface
	nodes        cache.SharedIndexInformer // all Nodes; it runs once the node is awaited
	passwords    atomic.Pointer[supervisor.Passwords]
	tokenChange  sync.Mutex
	encryption   *secretsEncryption // nil if the API server was started without
}

// A start is what parts wait for.
type start struct {
	datastoreOpen, credentialsThere, optionsRead *parts.Mark
	apiReady                                     *parts.Mark
	nodeReady                                    *parts.Mark
	nodeAwaited                                  *parts.Mark // the node is ready or was waited for long enough
	notAlone                                     *parts.Mark // the cluster has a node that is another machine
}

func newStart() start {
	return start{
		datastoreOpen: parts.NewMark(""), credentialsThere: parts.NewMark(""), optionsRead: parts.NewMark(""),
		apiReady: parts.NewMark(stage.APIReady), nodeReady: parts.NewMark(stage.NodeReady),
		nodeAwaited: parts.NewMark(""), notAlone: parts.NewMark(""),
	}
}

// nodePatience is how long the controllers leave the machine to the kubelet.
const nodePatience = 10 * time.Second

// parts are the control plane's. Each says what it waits for; all are started at once.
//
// On a small machine everything that starts when the API is ready takes the CPU from the kubelet, and without a node
// the controllers have nothing to do. So they wait for it, but not for one that does not come.
func (p *controlPlane) parts() []parts.Part {
	s := p.start
	all := []parts.Part{
		{Name: "datastore", Tier: parts.Datastore, After: p.beforeDatastore(), Run: p.openDatastore},
		{Name: "credentials", Tier: parts.API, Run: p.keepCredentials},
		{Name: "options", Tier: parts.API, Ends: true, After: after(s.datastoreOpen, s.credentialsThere),
			Run: p.readOptions},
		{Name: "kube-apiserver", Tier: parts.API, After: after(s.optionsRead),
			Run: func(ctx context.Context) error {
				return serveAPI(ctx, p.options.api, addition{
					joining: p.supervise, metrics: !p.cfg.Disabled(metrics.Name), settled: s.nodeAwaited.Reached(),
				})
			}},
		{Name: "API", Tier: parts.Clients, Ends: true, After: after(s.optionsRead), Run: p.awaitAPI},
		{Name: "node passwords", Tier: parts.Clients, After: after(s.apiReady), Run: p.sweepPasswords},
		{Name: "nodes", Tier: parts.Clients, After: after(s.nodeAwaited), Run: p.followNodes},
		{Name: "manifests", Tier: parts.Clients, After: after(s.nodeAwaited), Run: p.deploy},
	}
	if p.cfg.DisableAgent {
		all = append(all,
			parts.Part{Name: "no node", Tier: parts.Clients, Ends: true, After: after(s.apiReady), Run: p.withoutNode})
	} else {
		all = append(all,
			parts.Part{Name: "node", Tier: parts.Clients, Ends: true, After: after(s.apiReady), Run: p.followNode},
			parts.Part{Name: "patience", Tier: parts.Clients, Ends: true, After: after(s.apiReady), Run: p.awaitNode},
			parts.Part{Name: "pod range", Tier: parts.Clients, Ends: true, After: after(p.rangeIsKnown()),
				Run: p.followPodCIDR},
			parts.Part{Name: "overlay", Tier: parts.Clients, Ends: true,
				After: after(s.nodeReady, s.notAlone), Run: p.connectNodes},
			parts.Part{Name: "packaged components", Tier: parts.Clients, Ends: true, After: after(s.nodeReady),
				Run: p.followComponents},
		)
	}
	// One election for both: each costs a write every few seconds.
	all = append(all, parts.Part{Name: p.controllersName(), Tier: parts.Clients, After: after(s.nodeAwaited),
		Run: p.elected(p.controllersName(), p.runAllControllers)})
	if p.members != nil && !p.cfg.Snapshots.Disabled {
		all = append(all, parts.Part{Name: "snapshots", Tier: parts.Clients, After: after(s.nodeAwaited), Run: p.snapshots.Follow})
	}
	if !p.cfg.DisableScheduler {
		all = append(all, parts.Part{Name: schedulerPart, Tier: parts.Clients, After: after(s.nodeAwaited),
			Run: p.elected(schedulerPart, func(ctx context.Context) error {
				return runScheduler(ctx, p.options.scheduler)
			})})
	}
	return all
}

// rangeIsKnown is when the range of the node's pods is asked for. The first server assumes one, and does not disturb
// its start; one that has joined is not Ready without it.
func (p *controlPlane) rangeIsKnown() *parts.Mark {
	if p.joined {
		return p.start.apiReady
	}
	return p.start.nodeReady
}

// isOneOfSeveral tells whether other servers may have the same datastore.
func (p *controlPlane) isOneOfSeveral() bool { return p.members != nil || p.cfg.HasExternalDatastore() }

func after(marks ...*parts.Mark) (reached []<-chan struct{}) {
	for _, m := range marks {
		reached = append(reached, m.Reached())
	}
	return reached
}

// beforeDatastore is what it waits for: a member of etcd needs its certificate.
func (p *controlPlane) beforeDatastore() []<-chan struct{} {
	if p.members == nil {
		return nil
	}
	return after(p.start.credentialsThere)
}

func (p *controlPlane) openDatastore(ctx context.Context) (err error) {
	if p.members != nil {
		if err := moveToEtcd(ctx, p.cfg, p.members); err != nil {
			return err
		}
	}
	if p.endpoint, err = p.datastore.Open(ctx); err != nil {
		return err
	}
	if p.members == nil {
		p.start.datastoreOpen.Reach()
		<-ctx.Done()
		return nil
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	if err = p.confirmKeys(ctx); err == nil {
		p.start.datastoreOpen.Reach()
	} else {
		stop()
	}
	return errors.Join(err, p.members.Wait(serving))
}

// componentOptions are the command lines of the three components.
type componentOptions struct {
	api         *apioptions.ServerRunOptions
	controllers *controlleroptions.KubeControllerManagerOptions
	scheduler   *scheduleroptions.Options
}

// readOptions parses all command lines before it applies the feature gates, which the components share.
func (p *controlPlane) readOptions(context.Context) (err error) {
	o := &p.options
	if o.api, err = apiServerOptions(p.cfg, p.host, p.store, p.endpoint.URL); err != nil {
		return err
	}
	if o.controllers, err = controllerOptions(p.cfg, p.store); err != nil {
		return err
	}
	if o.scheduler, err = schedulerOptions(p.cfg, p.store); err != nil {
		return err
	}
	registry := o.api.GenericServerRunOptions.ComponentGlobalsRegistry
	if registry.FeatureGateFor(basecompatibility.DefaultKubeComponent) == nil {
		return errors.New("Kubernetes' feature gates are not registered")
	}
	rest.SetDefaultWarningHandler(rest.NoWarnings{})
	if err := registry.Set(); err != nil {
		return err
	}
	p.start.optionsRead.Reach()
	return nil
}

// awaitAPI makes the client that others use, and returns when /readyz says ok.
func (p *controlPlane) awaitAPI(ctx context.Context) (err error) {
	if p.clientConfig, err = clientcmd.BuildConfigFromFlags("", p.credentials.Kubeconfig(pki.Supervisor)); err != nil {
		return err
	}
	p.clientConfig.QPS, p.clientConfig.Burst = -1, -1
	client, err := kubernetes.NewForConfig(p.clientConfig)
	if err != nil {
		return err
	}
	p.client = client
	p.nodes = newNodeInformer(client)
	err = wait.PollUntilContextCancel(ctx, 50*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		b, err := client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		return err == nil && string(b) == "ok", nil
	})
	if err != nil {
		return err
	}
	if p.encryption != nil {
		if err := p.encryption.begin(ctx, client, p.endpoint.URL); err != nil {
			return err
		}
	}
	passwords := supervisor.NewPasswords(client)
	if p.isOneOfSeveral() {
		if p.members != nil { // over a database the token stays
			if err := p.followToken(ctx); err != nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot tell whether the token was changed: %v\n", err)
			}
		}
		// So that no other machine takes the name at one of the other servers.
		secrets, err := p.joinSecrets()
		if err == nil {
			err = join.RegisterName(ctx, passwords, p.host.NodeName, secrets.Server)
		}
		var other *supervisor.OtherMachineError
		if errors.As(err, &other) {
			return err
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot keep the password of this node: %v\n", err)
		}
	}
	p.passwords.Store(passwords)
	p.start.apiReady.Reach()
	return nil
}

// awaitNode lets the controllers go.
func (p *controlPlane) awaitNode(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-p.start.nodeReady.Reached():
	case <-time.After(nodePatience):
	}
	p.start.nodeAwaited.Reach()
	return nil
}

func (p *controlPlane) withoutNode(context.Context) error {
	p.start.nodeAwaited.Reach()
	p.settle()
	return nil
}
