// Package addresses publishes addresses and names of nodes that a kubelet does not know. A node may not write them
// into its own Node for good, so it says them in annotations, k3s's own, and a server does what a cloud's
// controller would.
package addresses

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"k3os.io/kube/internal/apinode"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/loop"
)

// BehindNAT is the annotation of a node that has an external address on none of its interfaces, so what is sent to
// that arrives at an internal one.
const BehindNAT = "k3os.io/behind-nat"

// kinds are k3s's annotations, in the order of the addresses that they become.
var kinds = []struct {
	annotation string
	kind       corev1.NodeAddressType
}{
	{"k3s.io/internal-ip", corev1.NodeInternalIP},
	{"k3s.io/external-ip", corev1.NodeExternalIP},
	{"k3s.io/internal-dns", corev1.NodeInternalDNS},
	{"k3s.io/external-dns", corev1.NodeExternalDNS},
	{"k3s.io/hostname", corev1.NodeHostName},
}

// Uninitialized is the taint that such a node registers with, until a server knows its addresses.
const Uninitialized = "node.cloudprovider.kubernetes.io/uninitialized"

// Published tells whether the configuration of a node has addresses that its kubelet does not publish itself.
func Published(cfg config.Node) bool {
	return len(cfg.NodeExternalIP)+len(cfg.NodeInternalDNS)+len(cfg.NodeExternalDNS) > 0
}

// annotationsOf are a node's. One without a value is to be removed.
func annotationsOf(cfg config.Node, name string, ips []net.IP, own []net.Addr) map[string]any {
	all := map[string]any{BehindNAT: nil}
	values := map[string][]string{}
	if Published(cfg) {
		var internal []string
		for _, ip := range ips {
			internal = append(internal, ip.String())
		}
		values = map[string][]string{
			"k3s.io/internal-ip": internal, "k3s.io/external-ip": cfg.NodeExternalIP,
			"k3s.io/internal-dns": cfg.NodeInternalDNS, "k3s.io/external-dns": cfg.NodeExternalDNS, "k3s.io/hostname": {name},
		}
	}
	for _, k := range kinds {
		all[k.annotation] = nil
		if v := values[k.annotation]; len(v) > 0 {
			all[k.annotation] = strings.Join(v, ",")
		}
	}
	for _, external := range cfg.NodeExternalIP {
		if !slices.ContainsFunc(own, func(a net.Addr) bool {
			n, ok := a.(*net.IPNet)
			return ok && n.IP.Equal(net.ParseIP(external))
		}) {
			all[BehindNAT] = "true"
		}
	}
	return all
}

// retryAfter is how long a node waits that does not exist yet, or could not be written.
const retryAfter = time.Second

// Tell says the addresses of this node in its Node, with its own credential, and takes back those of an earlier
// configuration. It tries until it works or ctx ends.
func Tell(ctx context.Context, client kubernetes.Interface, cfg config.Node, name string, ips []net.IP) error {
	own, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	want := annotationsOf(cfg, name, ips, own)
	var reasons loop.Reasons
	for {
		err := tell(ctx, client, name, want)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !apierrors.IsNotFound(err) && reasons.IsNew(err) {
			fmt.Fprintf(os.Stderr, "k3s: cannot tell the addresses of this node: %v\n", err)
		}
		if !loop.Pause(ctx, retryAfter) {
			return nil
		}
	}
}

func tell(ctx context.Context, client kubernetes.Interface, name string, want map[string]any) error {
	node, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	changed := map[string]any{}
	for k, v := range want {
		if has, ok := node.Annotations[k]; ok != (v != nil) || ok && has != v {
			changed[k] = v
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return apinode.Annotate(ctx, client, name, changed)
}

// of are the addresses that a Node's annotations say; none if it is the kubelet that publishes them.
func of(node *corev1.Node) (all []corev1.NodeAddress) {
	if node.Annotations[kinds[0].annotation] == "" {
		return nil
	}
	for _, k := range kinds {
		for _, a := range strings.Split(node.Annotations[k.annotation], ",") {
			if a != "" {
				all = append(all, corev1.NodeAddress{Type: k.kind, Address: a})
			}
		}
	}
	return all
}
