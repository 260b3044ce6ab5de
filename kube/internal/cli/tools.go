package cli

import (
	"context"
	"os"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins" // containerd's plugins
	containerdcmd "github.com/containerd/containerd/v2/cmd/containerd/command"
	ctr "github.com/containerd/containerd/v2/cmd/ctr/app"
	componentcli "k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format=json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // the components' metrics
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"

	"k3os.io/kube/internal/containerd"
	"k3os.io/kube/internal/crictl"
	_ "k3os.io/kube/internal/queuemetrics" // switches off client-go's metrics of work queues
	_ "k3os.io/kube/internal/translations" // keeps kubectl's translations from being loaded
)

const adminKubeconfig = "/etc/rancher/k3s/k3s.yaml"

func runKubectl(args []string) error {
	if _, err := os.Stat(adminKubeconfig); err == nil {
		setDefault("KUBECONFIG", adminKubeconfig)
	}
	os.Args = append([]string{"kubectl"}, args[1:]...)
	if status := componentcli.Run(kubectl.NewDefaultKubectlCommand()); status != 0 {
		return exitStatus(status)
	}
	return nil
}

func runCtr(args []string) error {
	setDefault("CONTAINERD_ADDRESS", containerd.Socket)
	setDefault("CONTAINERD_NAMESPACE", "k8s.io")
	return ctr.New().Run(context.Background(), append([]string{"ctr"}, args[1:]...))
}

func runCrictl(args []string) error {
	if _, err := os.Stat(containerd.CrictlConfig); err == nil && os.Getenv("CONTAINER_RUNTIME_ENDPOINT") == "" {
		setDefault("CRI_CONFIG_FILE", containerd.CrictlConfig)
	}
	os.Args = append([]string{"crictl"}, args[1:]...)
	return crictl.Main()
}

func runContainerd(args []string) error {
	return containerdcmd.App().Run(context.Background(), append([]string{"containerd"}, args[1:]...))
}

func setDefault(name, value string) {
	if os.Getenv(name) == "" {
		_ = os.Setenv(name, value)
	}
}
