package agent

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"

	"k3os.io/kube/internal/componentargs"
	"k3os.io/kube/internal/pki"
)

// runKubeProxy runs kube-proxy until ctx ends, with nftables where the node has nft.
func (n *Node) runKubeProxy(ctx context.Context) error {
	mode := "iptables"
	if hasCommand("nft") {
		mode = "nftables"
	}
	defaults := [][2]string{
		{"cluster-cidr", n.ClusterCIDR},
		{"healthz-bind-address", "127.0.0.1"},
		{"hostname-override", n.Name},
		{"kubeconfig", n.Credentials.Kubeconfig(pki.KubeProxy)},
		{"proxy-mode", mode},
	}
	o := proxy.NewOptions()
	fs := pflag.NewFlagSet("kube-proxy", pflag.ContinueOnError)
	o.AddFlags(fs)
	if err := fs.Parse(componentargs.Merge(defaults, n.Config.KubeProxyArgs)); err != nil {
		return fmt.Errorf("--kube-proxy-arg: %w", err)
	}
	if err := o.Complete(fs); err != nil {
		return err
	}
	if err := o.Validate(); err != nil {
		return fmt.Errorf("--kube-proxy-arg: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }() // upstream's loop does not end with ctx
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}
