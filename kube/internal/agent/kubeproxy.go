package agent

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	watchtools "k8s.io/client-go/tools/watch"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"

	"k3os.io/kube/internal/componentargs"
	"k3os.io/kube/internal/pki"
)

// runKubeProxy runs kube-proxy until ctx ends, with nftables where the node has nft.
//
// It begins once the Node has its addresses: kube-proxy looks for them for half a minute, and when they change after
// that, or the Node is deleted, it ends the process.
func (n *Node) runKubeProxy(ctx context.Context) error {
	if err := n.awaitAddresses(ctx); err != nil {
		return err
	}
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

// awaitAddresses returns when the kubelet has told the Node's, or when ctx ends.
func (n *Node) awaitAddresses(ctx context.Context) error {
	client, err := clientOf(n.Credentials.Kubeconfig(pki.KubeProxy))
	if err != nil {
		return err
	}
	_, err = watchtools.UntilWithSync(ctx, Watcher(client, n.Name), &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		return ok && e.Type != watch.Deleted && len(node.Status.Addresses) > 0, nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}
