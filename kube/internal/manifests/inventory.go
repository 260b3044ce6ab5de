package manifests

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	inventoryNamespace = metav1.NamespaceSystem
	inventoryLabel     = "k3s.cattle.io/manifest-inventory"
)

// An identity names an object.
type identity struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

func identify(o *unstructured.Unstructured) identity {
	return identity{o.GetAPIVersion(), o.GetKind(), o.GetNamespace(), o.GetName()}
}

func (id identity) gvk() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(id.APIVersion, id.Kind)
}

// key leaves the version out: an object that moves from v1beta1 to v1 is the same one.
func (id identity) key() string {
	return strings.Join([]string{id.gvk().Group, id.Kind, id.Namespace, id.Name}, "/")
}

// An inventory is what a file made.
type inventory struct {
	Name     string
	Path     string
	Checksum string
	Objects  []identity

	configMap string
}

func (i *inventory) objects() []identity {
	if i == nil {
		return nil
	}
	return i.Objects
}

// difference is what a has and b has not.
func difference(a, b []identity) (out []identity) {
	in := map[string]bool{}
	for _, id := range b {
		in[id.key()] = true
	}
	for _, id := range a {
		if !in[id.key()] {
			out = append(out, id)
		}
	}
	return out
}

func union(a, b []identity) []identity { return append(a, difference(b, a)...) }

var notInNames = regexp.MustCompile(`[^a-z0-9.-]+`)

// configMapName is readable, and unique even for files whose names differ only in what a name cannot hold.
func configMapName(file string) string {
	readable := notInNames.ReplaceAllString(strings.ToLower(file), "-")
	readable = strings.Trim(readable[:min(len(readable), 200)], ".-")
	return fmt.Sprintf("manifest-%s-%.8x", readable, sha256.Sum256([]byte(file)))
}

func (d *deployer) loadInventories(ctx context.Context) (map[string]*inventory, error) {
	list, err := d.inventories.List(ctx, metav1.ListOptions{LabelSelector: inventoryLabel + "=true"})
	if err != nil {
		return nil, fmt.Errorf("cannot list the inventories of manifests: %w", err)
	}
	out := map[string]*inventory{}
	for _, cm := range list.Items {
		inv := &inventory{Name: cm.Data["name"], Path: cm.Data["path"], Checksum: cm.Data["checksum"], configMap: cm.Name}
		if json.Unmarshal([]byte(cm.Data["objects"]), &inv.Objects) != nil {
			inv.Checksum = "" // applied anew, which writes it anew
		}
		out[inv.Name] = inv
	}
	return out, nil
}

func (d *deployer) saveInventory(ctx context.Context, now, before *inventory) error {
	objects, err := json.Marshal(now.Objects)
	if err != nil {
		return err
	}
	cm := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: configMapName(now.Name), Labels: map[string]string{inventoryLabel: "true"}},
		Data:       map[string]string{"name": now.Name, "path": now.Path, "checksum": now.Checksum, "objects": string(objects)},
	}
	if before == nil {
		_, err = d.inventories.Create(ctx, cm, metav1.CreateOptions{FieldManager: manager})
	} else {
		_, err = d.inventories.Update(ctx, cm, metav1.UpdateOptions{FieldManager: manager})
	}
	return err
}

func (d *deployer) deleteInventory(ctx context.Context, inv *inventory) error {
	err := d.inventories.Delete(ctx, inv.configMap, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
