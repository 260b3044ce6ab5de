package server

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/apinode"
	"k3os.io/kube/internal/loop"
)

// serverLabels are those that a kubelet may not give itself.
func (p *controlPlane) serverLabels() map[string]string {
	labels := map[string]string{"node-role.kubernetes.io/control-plane": "true"}
	if p.members != nil {
		labels["node-role.kubernetes.io/etcd"] = "true"
	}
	return labels
}

// memberAnnotation is which member of etcd a server is, as k3s tells it on its Node.
const memberAnnotation = "etcd.k3s.cattle.io/node-name"

func (p *controlPlane) serverAnnotations() map[string]string {
	if p.members == nil {
		return nil
	}
	return map[string]string{memberAnnotation: p.members.Name()}
}

// followNode waits for this machine's node, marks it as a server and reports when it is ready.
func (p *controlPlane) followNode(ctx context.Context) error {
	defer p.settle()
	watcher := agent.Watcher(p.client, p.host.NodeName)
	marked := false
	_, err := watchtools.UntilWithSync(ctx, watcher, &corev1.Node{}, nil, func(e watch.Event) (bool, error) {
		node, ok := e.Object.(*corev1.Node)
		if !ok || e.Type == watch.Deleted {
			return false, nil
		}
		if !marked {
			if err := markServer(ctx, p.client, node, p.serverLabels(), p.serverAnnotations()); err != nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot label the node: %v\n", err)
			} else {
				marked = true
			}
		}
		return marked && apinode.IsReady(node), nil
	})
	if err != nil {
		return nil // only the end of ctx ends the wait
	}
	p.start.nodeReady.Reach()
	return nil
}

// followPodCIDR moves the pod network to the range that the controllers give the node.
func (p *controlPlane) followPodCIDR(ctx context.Context) error {
	return agent.FollowPodCIDR(ctx, p.client, p.host.NodeName, p.network)
}

// newNodeInformer watches all Nodes for whoever asks. Its objects are no Nodes to be written back: what only takes
// memory is left out.
func newNodeInformer(client kubernetes.Interface) cache.SharedIndexInformer {
	informer := coreinformers.NewNodeInformer(client, 0, cache.Indexers{})
	// It fails only for an informer that runs.
	_ = informer.SetTransform(func(o any) (any, error) {
		if node, ok := o.(*corev1.Node); ok {
			node.ManagedFields, node.Status.Images = nil, nil
		}
		return o, nil
	})
	return informer
}

// followNodes forgets the passwords of Nodes that are deleted, and reports the first one that is another machine's.
func (p *controlPlane) followNodes(ctx context.Context) error {
	_, err := p.nodes.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) {
			if node, ok := o.(*corev1.Node); ok && node.Name != p.host.NodeName {
				p.start.notAlone.Reach()
			}
		},
		DeleteFunc: func(o any) {
			name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(o)
			if err != nil {
				return // it is of something else
			}
			if p.members != nil && name != p.host.NodeName {
				p.removeMembers(ctx, name, memberNamedBy(o))
			}
			if err := p.passwords.Load().Forget(ctx, name); err != nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot forget the password of node %s: %v\n", name, err)
			}
		},
	})
	if err != nil {
		return err
	}
	if p.members != nil {
		go p.resumeRemovals(ctx)
	}
	p.nodes.RunWithContext(ctx)
	return nil
}

// How often names without a Node are looked for, and how long a machine may take from its first request to its Node.
const (
	sweepEvery = time.Hour
	joinsFor   = 10 * time.Minute
)

// sweepPasswords forgets what followNodes has missed.
func (p *controlPlane) sweepPasswords(ctx context.Context) error {
	for pause := joinsFor; loop.Pause(ctx, pause); pause = sweepEvery {
		if err := p.passwords.Load().Sweep(ctx, joinsFor); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot look for passwords without a node: %v\n", err)
		}
	}
	return nil
}

// connectNodes connects the pods of this node with those of others. It comes with the second node: until then there is
// nothing to connect.
func (p *controlPlane) connectNodes(ctx context.Context) error {
	return agent.ConnectNodes(ctx, p.credentials, p.host.Facts, p.cfg.Node, p.network, p.cfg.FlannelExternalIP)
}

// memberNamedBy is the member of etcd that a Node names, as a DeleteFunc is given it: none, if that is no server with
// etcd.
func memberNamedBy(deleted any) string {
	if unknown, ok := deleted.(cache.DeletedFinalStateUnknown); ok {
		deleted = unknown.Obj
	}
	if node, ok := deleted.(*corev1.Node); ok {
		return node.Annotations[memberAnnotation]
	}
	return ""
}

func markServer(
	ctx context.Context, client kubernetes.Interface, node *corev1.Node, labels, annotations map[string]string,
) error {
	changes := map[string]any{}
	if missing := differing(node.Labels, labels); len(missing) > 0 {
		changes["labels"] = missing
	}
	if missing := differing(node.Annotations, annotations); len(missing) > 0 {
		changes["annotations"] = missing
	}
	if len(changes) == 0 {
		return nil
	}
	return apinode.Patch(ctx, client, node.Name, map[string]any{"metadata": changes})
}

// differing are those of want that has lacks, or has with another value.
func differing(has, want map[string]string) map[string]string {
	all := map[string]string{}
	for k, v := range want {
		if has[k] != v {
			all[k] = v
		}
	}
	return all
}
