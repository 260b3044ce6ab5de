package localpath

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v11/controller"

	"k3os.io/kube/internal/apinode"
	"k3os.io/kube/internal/loop"
)

// Annotations of local-path-provisioner: the node of a volume, and what a claim or its class says of its type.
const (
	selectedNode = "local.path.provisioner/selected-node"
	volumeType   = "volumeType"
	defaultType  = "defaultVolumeType"

	typeLocal    = "local"
	typeHostPath = "hostPath"
)

const (
	patience   = 15 * time.Second // with a node that does not answer
	lookEvery  = 50 * time.Millisecond
	firstRetry = 2 * time.Second
	lastRetry  = 2 * time.Minute
)

// A Provisioner makes volumes for claims, and removes those whose claim is gone.
type provisioner struct {
	client   kubernetes.Interface
	nodes    corelisters.NodeLister
	root     string
	patience time.Duration
}

// Run provisions volumes below root until ctx ends. nodes is up to date. As long as there is neither a claim nor a
// volume, a watch of claims is all that it costs.
func Run(ctx context.Context, client kubernetes.Interface, nodes corelisters.NodeLister, root string) {
	claims := coreinformers.NewPersistentVolumeClaimInformer(client, "", 0, cache.Indexers{})
	// It outlives the controller: the library ends the process if the informer has ended when it begins.
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	go claims.RunWithContext(running)
	if !awaitUse(ctx, client, claims) {
		return
	}
	p := &provisioner{client, nodes, root, patience}
	controller.NewProvisionController(ctx, client, Provisioner, p,
		controller.LeaderElection(false),
		controller.ResyncPeriod(0),
		controller.ClaimsInformer(claims),
		controller.NodesLister(nodes),
		controller.RateLimiter(workqueue.NewItemExponentialFailureRateLimiter(firstRetry, lastRetry)),
		// For ever: a node may be away for days.
		controller.FailedProvisionThreshold(0),
		controller.FailedDeleteThreshold(0),
	).Run(ctx)
}

// awaitUse returns when the cluster has a claim or a volume; false if ctx ends before.
func awaitUse(ctx context.Context, client kubernetes.Interface, claims cache.SharedIndexInformer) bool {
	first := loop.NewSignal()
	// It fails only for an informer that has ended.
	handler, _ := claims.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { first.Give() }})
	defer func() { _ = claims.RemoveEventHandler(handler) }()
	var reasons loop.Reasons
	for {
		// A volume may be left of a claim that was deleted while no server was looking.
		volumes, err := client.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{Limit: 1})
		if err == nil && len(volumes.Items) > 0 {
			return true
		}
		var again <-chan time.Time
		if err != nil {
			again = time.After(firstRetry)
			if reasons.IsNew(err) && ctx.Err() == nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot look for volumes: %v\n", err)
			}
		}
		select {
		case <-ctx.Done():
			return false
		case <-first:
			return true
		case <-again:
		}
	}
}

// Provision has the node make the directory. An error becomes an Event of the claim.
func (p *provisioner) Provision(ctx context.Context, o controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if err := check(o); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	path := directory(p.root, o.PVName, o.PVC.Namespace, o.PVC.Name)
	if err := p.ask(ctx, o.SelectedNode.Name, o.PVName, order{verb: toMake, path: path}); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	return volume(o, path), controller.ProvisioningFinished, nil
}

func check(o controller.ProvisionOptions) error {
	spec := o.PVC.Spec
	for _, mode := range spec.AccessModes {
		if mode != corev1.ReadWriteOnce && mode != corev1.ReadWriteOncePod {
			return fmt.Errorf("access mode %s: a directory of one node is ReadWriteOnce or ReadWriteOncePod; several nodes "+
				"need network storage", mode)
		}
	}
	switch {
	case spec.Selector != nil:
		return errors.New("the claim has a selector, which a volume that is made for it cannot match: remove it")
	case o.SelectedNode == nil:
		return fmt.Errorf("class %s binds at once, so no node is chosen yet: use volumeBindingMode: WaitForFirstConsumer",
			o.StorageClass.Name)
	}
	for name := range o.StorageClass.Parameters {
		return fmt.Errorf("class %s has the parameter %q: local storage of this build has none; see --default-local-storage-path",
			o.StorageClass.Name, name)
	}
	if t := typeOf(o); t != typeLocal && t != typeHostPath {
		return fmt.Errorf("%s: expected %s or %s, got %q", volumeType, typeLocal, typeHostPath, t)
	}
	return nil
}

func typeOf(o controller.ProvisionOptions) string {
	for _, t := range []string{o.PVC.Annotations[volumeType], o.StorageClass.Annotations[defaultType]} {
		if strings.EqualFold(t, typeLocal) {
			return typeLocal
		}
		if strings.EqualFold(t, typeHostPath) {
			return typeHostPath
		}
		if t != "" {
			return t
		}
	}
	return typeHostPath
}

func volume(o controller.ProvisionOptions, path string) *corev1.PersistentVolume {
	hostname := o.SelectedNode.Labels[corev1.LabelHostname]
	if hostname == "" {
		hostname = o.SelectedNode.Name
	}
	pv := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: o.PVName, Annotations: map[string]string{selectedNode: o.SelectedNode.Name}},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: o.PVC.Spec.AccessModes,
			VolumeMode:  o.PVC.Spec.VolumeMode,
			Capacity:    corev1.ResourceList{corev1.ResourceStorage: o.PVC.Spec.Resources.Requests[corev1.ResourceStorage]},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{hostname},
				}},
			}}}},
		},
	}
	if o.StorageClass.ReclaimPolicy != nil {
		pv.Spec.PersistentVolumeReclaimPolicy = *o.StorageClass.ReclaimPolicy
	}
	if typeOf(o) == typeLocal {
		pv.Spec.Local = &corev1.LocalVolumeSource{Path: path}
	} else {
		create := corev1.HostPathDirectoryOrCreate
		pv.Spec.HostPath = &corev1.HostPathVolumeSource{Path: path, Type: &create}
	}
	return pv
}

// Delete has the node remove the directory. The volume stays, and says why by an Event, until the node has done so,
// or is no node of the cluster any more.
func (p *provisioner) Delete(ctx context.Context, pv *corev1.PersistentVolume) error {
	node, path, err := whereIs(pv)
	if err != nil {
		return err
	}
	err = p.ask(ctx, node, pv.Name, order{verb: toRemove, path: path})
	if apierrors.IsNotFound(err) {
		fmt.Fprintf(os.Stderr, "k3s: volume %s was on node %s, which is gone: %s stays on its disk\n", pv.Name, node, path)
		return nil
	}
	return err
}

func whereIs(pv *corev1.PersistentVolume) (node, path string, err error) {
	switch {
	case pv.Spec.Local != nil:
		path = pv.Spec.Local.Path
	case pv.Spec.HostPath != nil:
		path = pv.Spec.HostPath.Path
	}
	node = pv.Annotations[selectedNode]
	if node == "" || path == "" {
		return "", "", fmt.Errorf("the volume does not say where it is: expected the annotation %s, and a local or hostPath source",
			selectedNode)
	}
	return node, path, nil
}

// ask waits until the node has done what is asked. Its error is that of the API if the node does not exist. The
// order of a node that is away waits without a worker.
func (p *provisioner) ask(ctx context.Context, node, volume string, asked order) error {
	got, ready, err := p.look(node, volume)
	if err != nil && !apierrors.IsNotFound(err) { // the API has the last word on that
		return err
	}
	if !got.answers(asked) || got.answer == failed {
		if err := p.annotate(ctx, node, volume, asked.String()); err != nil {
			return err
		}
		if !ready {
			return fmt.Errorf("node %s is away: the directory waits until it is back", node)
		}
		err := wait.PollUntilContextTimeout(ctx, lookEvery, p.patience, true, func(context.Context) (bool, error) {
			got, _, err = p.look(node, volume)
			return got.answers(asked), err
		})
		if wait.Interrupted(err) && ctx.Err() == nil {
			return fmt.Errorf("node %s does not answer: the directory waits until its k3s runs", node)
		}
		if err != nil {
			return err
		}
	}
	if err := p.annotate(ctx, node, volume, nil); err != nil {
		return err
	}
	if got.answer == failed {
		return fmt.Errorf("node %s cannot %s the directory: %s", node, asked.verb, got.reason)
	}
	return nil
}

// look returns what the node was asked for last, or has answered, and whether it is Ready.
func (p *provisioner) look(node, volume string) (o order, ready bool, err error) {
	n, err := p.nodes.Get(node)
	if err != nil {
		return o, false, err
	}
	o, _ = parseOrder(n.Annotations[annotations+volume])
	return o, apinode.IsReady(n), nil
}

func (p *provisioner) annotate(ctx context.Context, node, volume string, value any) error {
	return apinode.Annotate(ctx, p.client, node, map[string]any{annotations + volume: value})
}
