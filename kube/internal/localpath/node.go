package localpath

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
	watchtools "k8s.io/client-go/tools/watch"

	"k3os.io/kube/internal/loop"
)

// retryAnswer is how long a node waits that could not tell its answer, or not watch its Node.
const retryAnswer = 3 * time.Second

var nodes = corev1.SchemeGroupVersion.WithResource("nodes")

// Serve does what the cluster asks this node for, with the node's own credential, until ctx ends. What keeps it
// from doing so is told, and tried again.
func Serve(ctx context.Context, kubeconfig, nodeName string) error {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := metadata.NewForConfig(cfg)
	if err != nil {
		return err
	}
	k := &keeper{client: client, node: nodeName, newest: map[string]string{}}
	for {
		err := k.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(os.Stderr, "k3s: cannot tell which volumes this node is asked for: %v\n", err)
		if !loop.Pause(ctx, retryAnswer) {
			return nil
		}
	}
}

// A keeper makes and removes the directories of one node.
type keeper struct {
	client metadata.Interface
	node   string

	mu     sync.Mutex
	newest map[string]string // the order of each volume that is being worked on
}

// follow watches the Node's metadata alone: its status changes often, and is large.
func (k *keeper) follow(ctx context.Context) error {
	own := fields.OneTermEqualSelector("metadata.name", k.node).String()
	resource := k.client.Resource(nodes)
	watcher := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			o.FieldSelector = own
			return resource.List(ctx, o)
		},
		WatchFuncWithContext: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			o.FieldSelector = own
			return resource.Watch(ctx, o)
		},
	}
	semantics := cache.ToListWatcherWithWatchListSemantics(watcher, k.client)
	_, err := watchtools.UntilWithSync(ctx, semantics, &metav1.PartialObjectMetadata{}, nil, func(e watch.Event) (bool, error) {
		if node, ok := e.Object.(*metav1.PartialObjectMetadata); ok && e.Type != watch.Deleted {
			k.look(ctx, node.Annotations)
		}
		return false, nil
	})
	return err
}

// look begins with every order that has no answer. A large directory does not keep the others waiting.
func (k *keeper) look(ctx context.Context, asked map[string]string) {
	for name, text := range asked {
		volume, ours := strings.CutPrefix(name, annotations)
		o, ok := parseOrder(text)
		if !ours || !ok || o.answer != "" {
			continue
		}
		k.mu.Lock()
		_, busy := k.newest[volume]
		k.newest[volume] = text
		k.mu.Unlock()
		if !busy {
			go k.obey(ctx, volume, text)
		}
	}
}

// obey does what is asked of a volume, until there is nothing newer.
func (k *keeper) obey(ctx context.Context, volume, text string) {
	for {
		if asked, ok := parseOrder(text); ok {
			k.answer(ctx, volume, text, act(volume, asked))
		}
		k.mu.Lock()
		newest := k.newest[volume]
		if newest == text || ctx.Err() != nil {
			delete(k.newest, volume)
			k.mu.Unlock()
			return
		}
		k.mu.Unlock()
		text = newest
	}
}

// act returns the answer.
func act(volume string, o order) order {
	do := makeDirectory
	if o.verb == toRemove {
		do = removeDirectory
	}
	o.answer = done
	if err := do(volume, o.path); err != nil {
		o.answer, o.reason = failed, err.Error()
		fmt.Fprintf(os.Stderr, "k3s: volume %s: cannot %s its directory: %v\n", volume, o.verb, err)
	}
	return o
}

// answer replaces the order. The API compares it, since the server may ask for something else by now.
func (k *keeper) answer(ctx context.Context, volume, asked string, o order) {
	at := "/metadata/annotations/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(annotations+volume)
	patch, _ := json.Marshal([]map[string]string{ // of strings: it cannot fail
		{"op": "test", "path": at, "value": asked},
		{"op": "replace", "path": at, "value": o.String()},
	})
	for {
		_, err := k.client.Resource(nodes).Patch(ctx, k.node, types.JSONPatchType, patch, metav1.PatchOptions{})
		if err == nil || apierrors.IsInvalid(err) || apierrors.IsNotFound(err) {
			return // told, or nobody asks any more
		}
		if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: cannot tell what became of volume %s: %v\n", volume, err)
		}
		if !loop.Pause(ctx, retryAnswer) {
			return
		}
	}
}
