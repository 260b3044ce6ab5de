package addresses

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"k3os.io/kube/internal/apinode"
	"k3os.io/kube/internal/loop"
)

// Run publishes what nodes have said until ctx ends. nodes is of an informer that runs.
func Run(ctx context.Context, client kubernetes.Interface, nodes cache.SharedIndexInformer) {
	changed := loop.NewSignal()
	look := func(o any) {
		if node, ok := o.(*corev1.Node); ok && isDue(node) {
			changed.Give()
		}
	}
	handler, err := nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: look, UpdateFunc: func(_, o any) { look(o) }})
	if err != nil {
		fmt.Fprintf(os.Stderr, "k3s: addresses of nodes are not published: %v\n", err)
		return
	}
	defer func() { _ = nodes.RemoveEventHandler(handler) }() // it fails only for a handler of another informer
	lister := corelisters.NewNodeLister(nodes.GetIndexer())
	for {
		var again <-chan time.Time
		all, _ := lister.List(labels.Everything()) // of a cache: it cannot fail
		for _, node := range all {
			if err := publish(ctx, client, node); err != nil && ctx.Err() == nil {
				again = time.After(retryAfter)
				if !apierrors.IsConflict(err) {
					fmt.Fprintf(os.Stderr, "k3s: cannot publish the addresses of node %s: %v\n", node.Name, err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-again:
		}
	}
}

// isDue tells whether a Node is not what its annotations say.
func isDue(node *corev1.Node) bool {
	want := of(node)
	return len(want) > 0 && (!slices.Equal(node.Status.Addresses, want) || slices.ContainsFunc(node.Spec.Taints, isUninitialized))
}

func isUninitialized(t corev1.Taint) bool { return t.Key == Uninitialized }

// publish writes what differs: the addresses first, since pods may come when the taint is gone.
func publish(ctx context.Context, client kubernetes.Interface, node *corev1.Node) error {
	want := of(node)
	if len(want) == 0 {
		return nil
	}
	if !slices.Equal(node.Status.Addresses, want) {
		if err := patch(ctx, client, node.Name, map[string]any{"status": map[string]any{"addresses": want}}, "status"); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(node.Spec.Taints, isUninitialized) {
		return nil
	}
	// As a whole, and only if nobody has added one meanwhile.
	now, err := client.CoreV1().Nodes().Get(ctx, node.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	rest := append([]corev1.Taint{}, slices.DeleteFunc(now.Spec.Taints, isUninitialized)...)
	return patch(ctx, client, node.Name, map[string]any{
		"metadata": map[string]any{"resourceVersion": now.ResourceVersion},
		"spec":     map[string]any{"taints": rest},
	})
}

func patch(ctx context.Context, client kubernetes.Interface, name string, change map[string]any, subresources ...string) error {
	err := apinode.Patch(ctx, client, name, change, subresources...)
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
