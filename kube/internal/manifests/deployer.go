package manifests

import (
	"context"
	"errors"
	"fmt"
	"sort"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/restmapper"
)

type runtimeObject = runtime.Object

// manager owns the fields that manifests set.
const manager = "k3s-manifests"

type deployer struct {
	Options
	inventories corev1client.ConfigMapInterface
	objects     dynamic.Interface
	mapper      *restmapper.DeferredDiscoveryRESTMapper
}

// applyFile applies a file that changed, or brings back what is missing of one that did not. The inventory is written
// before objects are deleted and after they are made, so that an interruption forgets none.
func (d *deployer) applyFile(ctx context.Context, f file, before *inventory) error {
	objects, checksum, err := f.read()
	if err != nil {
		return err
	}
	changed := before == nil || before.Checksum != checksum
	sort.SliceStable(objects, func(i, j int) bool { return rank(objects[i]) < rank(objects[j]) })

	now := &inventory{Name: f.name, Path: f.path, Checksum: checksum}
	var errs []error
	for _, o := range objects {
		client, err := d.client(o.GroupVersionKind(), o)
		if err == nil {
			now.Objects = append(now.Objects, identify(o))
			err = d.applyObject(ctx, client, o, changed)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", o.GetKind(), o.GetName(), err))
		}
	}
	if len(errs) > 0 {
		// Remember what is there, but not as done: the next round applies all of it again.
		now.Checksum = ""
		now.Objects = union(now.Objects, before.objects())
	}
	if changed || len(errs) > 0 {
		if len(errs) == 0 {
			errs = append(errs, d.deleteAll(ctx, difference(before.objects(), now.Objects)))
		}
		errs = append(errs, d.saveInventory(ctx, now, before))
	}
	return errors.Join(errs...)
}

func (d *deployer) applyObject(ctx context.Context, client dynamic.ResourceInterface, o *unstructured.Unstructured, changed bool) error {
	if !changed {
		_, err := client.Get(ctx, o.GetName(), metav1.GetOptions{})
		if !apierrors.IsNotFound(err) {
			return err
		}
	}
	_, err := client.Apply(ctx, o.GetName(), o, metav1.ApplyOptions{FieldManager: manager, Force: true})
	return err
}

// client finds the resource of a kind. A kind that is unknown may have been defined a moment ago.
func (d *deployer) client(gvk schema.GroupVersionKind, o metav1.Object) (dynamic.ResourceInterface, error) {
	m, err := d.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if meta.IsNoMatchError(err) {
		d.mapper.Reset()
		m, err = d.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	}
	if err != nil {
		return nil, err
	}
	if m.Scope.Name() != meta.RESTScopeNameNamespace {
		o.SetNamespace("")
		return d.objects.Resource(m.Resource), nil
	}
	if o.GetNamespace() == "" {
		o.SetNamespace(metav1.NamespaceDefault)
	}
	return d.objects.Resource(m.Resource).Namespace(o.GetNamespace()), nil
}

func (d *deployer) remove(ctx context.Context, inv *inventory) error {
	if err := d.deleteAll(ctx, inv.Objects); err != nil {
		return err
	}
	return d.deleteInventory(ctx, inv)
}

// deleteAll deletes in the reverse of the order in which objects are made.
func (d *deployer) deleteAll(ctx context.Context, objects []identity) error {
	var errs []error
	background := metav1.DeletePropagationBackground
	for i := len(objects) - 1; i >= 0; i-- {
		id := objects[i]
		o := &metav1.ObjectMeta{Namespace: id.Namespace, Name: id.Name}
		client, err := d.client(id.gvk(), o)
		if meta.IsNoMatchError(err) {
			continue // its kind is gone, and so is it
		}
		if err == nil {
			err = client.Delete(ctx, id.Name, metav1.DeleteOptions{PropagationPolicy: &background})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("%s %s: %w", id.Kind, id.Name, err))
		}
	}
	return errors.Join(errs...)
}

// rank puts first what others need.
func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "Namespace", "CustomResourceDefinition":
		return 0
	case "PriorityClass", "StorageClass", "ServiceAccount", "ClusterRole", "Role", "ConfigMap", "Secret":
		return 1
	default:
		return 2
	}
}
