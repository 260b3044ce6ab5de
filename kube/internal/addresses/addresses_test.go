package addresses

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"

	"k3os.io/kube/internal/config"
)

func TestAnnotations(t *testing.T) {
	own := []net.Addr{&net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}
	ips := []net.IP{net.IPv4(10, 0, 0, 1)}
	for _, tt := range []struct {
		name string
		cfg  config.Node
		want string
	}{
		{"nothing of its own", config.Node{}, "map[]"},
		{"an external address", config.Node{NodeExternalIP: []string{"192.0.2.1"}},
			"map[k3s.io/external-ip:192.0.2.1 k3s.io/hostname:n k3s.io/internal-ip:10.0.0.1]"},
		{"one that is translated", config.Node{NodeExternalIP: []string{"192.0.2.1", "198.51.100.1"}},
			"map[k3os.io/behind-nat:true k3s.io/external-ip:192.0.2.1,198.51.100.1 k3s.io/hostname:n k3s.io/internal-ip:10.0.0.1]"},
		{"names", config.Node{NodeInternalDNS: []string{"n.lan"}, NodeExternalDNS: []string{"n.example"}},
			"map[k3s.io/external-dns:n.example k3s.io/hostname:n k3s.io/internal-dns:n.lan k3s.io/internal-ip:10.0.0.1]"},
	} {
		got := map[string]any{}
		for k, v := range annotationsOf(tt.cfg, "n", ips, own) {
			if v != nil {
				got[k] = v
			}
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v; want %s", tt.name, got, tt.want)
		}
	}
}

func TestWhatANodeSaysIsPublished(t *testing.T) {
	kept := corev1.Taint{Key: "kept", Effect: corev1.TaintEffectNoSchedule}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	node.Spec.Taints = []corev1.Taint{{Key: Uninitialized, Effect: corev1.TaintEffectNoSchedule}, kept}
	other := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
	other.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "10.0.0.2"}}
	client := fake.NewClientset(node, other)
	nodes := coreinformers.NewNodeInformer(client, 0, cache.Indexers{})
	go nodes.RunWithContext(t.Context())
	if !cache.WaitForCacheSync(t.Context().Done(), nodes.HasSynced) {
		t.Fatal("no nodes")
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { Run(ctx, client, nodes); close(ended) }()
	defer func() { end(); <-ended }()

	await := func(name, want string) {
		t.Helper()
		got := ""
		err := wait.PollUntilContextTimeout(ctx, 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			n, err := client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			got = ""
			for _, a := range n.Status.Addresses {
				got += fmt.Sprintf("%s=%s ", a.Type, a.Address)
			}
			for _, taint := range n.Spec.Taints {
				got += taint.Key
			}
			return got == want, nil
		})
		if err != nil {
			t.Fatalf("%s has %q; want %q: %v", name, got, want, err)
		}
	}
	ips := []net.IP{net.IPv4(10, 0, 0, 1)}
	if err := Tell(ctx, client, config.Node{NodeExternalIP: []string{"192.0.2.1"}, NodeExternalDNS: []string{"n.example"}}, "n", ips); err != nil {
		t.Fatal(err)
	}
	await("n", "InternalIP=10.0.0.1 ExternalIP=192.0.2.1 ExternalDNS=n.example Hostname=n kept")
	if err := Tell(ctx, client, config.Node{NodeExternalIP: []string{"192.0.2.9"}}, "n", ips); err != nil {
		t.Fatal(err)
	}
	await("n", "InternalIP=10.0.0.1 ExternalIP=192.0.2.9 Hostname=n kept")
	await("other", "InternalIP=10.0.0.2 ")
	if err := Tell(ctx, client, config.Node{}, "n", ips); err != nil {
		t.Fatal(err)
	}
	n, err := client.CoreV1().Nodes().Get(ctx, "n", metav1.GetOptions{})
	if err != nil || len(n.Annotations) != 0 {
		t.Errorf("%v, %v; want that a configuration without them takes them back", n.Annotations, err)
	}
}
