package agent

import (
	"context"
	"fmt"
	"net"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"k3os.io/kube/internal/loop"
	"k3os.io/kube/internal/overlay"
)

// Watcher watches the Node of this name.
func Watcher(client kubernetes.Interface, name string) cache.ListerWatcher {
	return cache.NewListWatchFromClient(client.CoreV1().RESTClient(), "nodes", "",
		fields.OneTermEqualSelector("metadata.name", name))
}

// FollowPodCIDR moves the pod network to the range that the controllers give the node, and returns then.
func FollowPodCIDR(ctx context.Context, client kubernetes.Interface, name string, network PodNetwork) error {
	for {
		_, err := watchtools.UntilWithSync(ctx, Watcher(client, name), &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
			node, ok := e.Object.(*corev1.Node)
			if !ok || node.Spec.PodCIDR == "" {
				return false, nil
			}
			return true, network.Adopt(ctx, node.Spec.PodCIDR)
		})
		if err == nil || ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "k3s: cannot move the pod network to the node's range: %v\n", err)
		if !loop.Pause(ctx, retryOverlay) {
			return nil
		}
	}
}

// LinkMTU is that of the interface to the other nodes; 0 if there is none.
func LinkMTU(name string, ip net.IP) int {
	iface, _, err := overlay.InterfaceOf(name, ip)
	if err != nil {
		return 0
	}
	return iface.MTU
}
