package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/component-base/configz"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controlleroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"

	"k3os.io/kube/internal/componentargs"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/informernames"
	"k3os.io/kube/internal/pki"
)

// Neither the controller manager nor the scheduler listens: nobody but the process itself asks for their health, and
// two HTTPS servers with their own certificates and delegated authentication are not free. --kube-scheduler-arg and
// --kube-controller-manager-arg secure-port=… bring them back.
const noListener = "0"

func controllerOptions(cfg config.Server, store *pki.Store) (*controlleroptions.KubeControllerManagerOptions, error) {
	o, err := controlleroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return nil, err
	}
	named := o.Flags(controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	o.ParsedFlags = &named
	fs := pflag.NewFlagSet("kube-controller-manager", pflag.ContinueOnError)
	for _, f := range named.FlagSets {
		fs.AddFlagSet(f)
	}
	kubeconfig := store.Kubeconfigs()[pki.ControllerManager]
	defaults := [][2]string{
		{"allocate-node-cidrs", "true"},
		{"authentication-kubeconfig", kubeconfig},
		{"authorization-kubeconfig", kubeconfig},
		{"bind-address", "127.0.0.1"},
		{"cluster-cidr", strings.Join(cfg.ClusterCIDR, ",")},
		{"cluster-signing-kube-apiserver-client-cert-file", store.CertFile(pki.ClientCA)},
		{"cluster-signing-kube-apiserver-client-key-file", store.KeyFile(pki.ClientCA)},
		{"cluster-signing-kubelet-client-cert-file", store.CertFile(pki.ClientCA)},
		{"cluster-signing-kubelet-client-key-file", store.KeyFile(pki.ClientCA)},
		{"cluster-signing-kubelet-serving-cert-file", store.CertFile(pki.ServerCA)},
		{"cluster-signing-kubelet-serving-key-file", store.KeyFile(pki.ServerCA)},
		{"cluster-signing-legacy-unknown-cert-file", store.CertFile(pki.ServerCA)},
		{"cluster-signing-legacy-unknown-key-file", store.KeyFile(pki.ServerCA)},
		{"controllers", "*,tokencleaner"},
		{"flex-volume-plugin-dir", cfg.AgentDir("volume-plugins")}, // the default lies under /usr, which a node cannot write
		{"kubeconfig", kubeconfig},
		{"leader-elect", "false"},
		{"profiling", "false"},
		{"root-ca-file", store.CertFile(pki.ServerCA)},
		{"secure-port", noListener},
		{"service-account-private-key-file", store.Server + "/" + pki.ServiceAccountKey},
		{"service-cluster-ip-range", strings.Join(cfg.ServiceCIDR, ",")},
		{"use-service-account-credentials", "true"},
	}
	if err := fs.Parse(componentargs.Merge(defaults, cfg.ControllerManagerArgs)); err != nil {
		return nil, fmt.Errorf("--kube-controller-manager-arg: %w", err)
	}
	return o, nil
}

func runControllers(ctx context.Context, o *controlleroptions.KubeControllerManagerOptions) error {
	defer informernames.Release("kube-controller-manager") // or they cannot run again
	defer configz.Delete(controllers.ConfigzName)          // likewise
	c, err := o.Config(ctx, controllers.KnownControllers(), controllers.ControllersDisabledByDefault(), controllers.ControllerAliases())
	if err != nil {
		return err
	}
	return controllers.Run(ctx, c.Complete())
}

func schedulerOptions(cfg config.Server, store *pki.Store) (*scheduleroptions.Options, error) {
	o := scheduleroptions.NewOptions()
	fs := pflag.NewFlagSet("kube-scheduler", pflag.ContinueOnError)
	for _, f := range o.Flags.FlagSets {
		fs.AddFlagSet(f)
	}
	kubeconfig := store.Kubeconfigs()[pki.Scheduler]
	defaults := [][2]string{
		{"authentication-kubeconfig", kubeconfig},
		{"authorization-kubeconfig", kubeconfig},
		{"bind-address", "127.0.0.1"},
		{"kubeconfig", kubeconfig},
		{"leader-elect", "false"},
		{"profiling", "false"},
		{"secure-port", noListener},
	}
	if err := fs.Parse(componentargs.Merge(defaults, cfg.SchedulerArgs)); err != nil {
		return nil, fmt.Errorf("--kube-scheduler-arg: %w", err)
	}
	return o, nil
}

func runScheduler(ctx context.Context, o *scheduleroptions.Options) error {
	defer configz.Delete("componentconfig") // likewise; the scheduler has no constant for it
	completed, sched, err := scheduler.Setup(ctx, o)
	if err != nil {
		return err
	}
	return scheduler.Run(ctx, completed, sched)
}
