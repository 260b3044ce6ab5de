package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"

	"k3os.io/kube/internal/components"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/manifests"
	"k3os.io/kube/internal/stage"
)

// deploy writes the packaged components beside the user's own manifests and keeps all of them applied.
func (p *controlPlane) deploy(ctx context.Context) error {
	dir := p.cfg.ServerDir("manifests")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, c := range components.All {
		if err := writeManifest(dir, c, p.cfg); err != nil {
			return fmt.Errorf("cannot write the manifest of %s: %w", c.Name, err)
		}
	}
	return manifests.Run(ctx, p.clientConfig, manifests.Options{Dir: dir, Disabled: p.cfg.Disable})
}

// writeManifest brings the file of a component up to date. One that is disabled has none, so what it made is deleted; a
// server that has no use for the component leaves the file to the others of the cluster.
func writeManifest(dir string, c components.Component, cfg config.Server) error {
	file := filepath.Join(dir, c.Name+".yaml")
	if cfg.Disabled(c.Name) {
		if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	if !c.Wanted(cfg) {
		return nil
	}
	manifest, err := c.Manifest(cfg)
	if err != nil {
		return err
	}
	return files.Write(file, manifest, 0o600)
}

// followComponents reports when each component is available for the first time.
func (p *controlPlane) followComponents(ctx context.Context) error {
	for _, c := range components.All {
		if c.Main == nil || p.cfg.Disabled(c.Name) || !c.Wanted(p.cfg) {
			continue
		}
		watcher := cache.NewListWatchFromClient(p.client.AppsV1().RESTClient(), "deployments", metav1.NamespaceSystem,
			fields.OneTermEqualSelector("metadata.name", c.Name))
		_, err := watchtools.UntilWithSync(ctx, watcher, &appsv1.Deployment{}, nil, func(e watch.Event) (bool, error) {
			d, ok := e.Object.(*appsv1.Deployment)
			return ok && d.Status.AvailableReplicas > 0, nil
		})
		if err != nil {
			return nil // only the end of ctx ends the wait
		}
		stage.Reached(c.Available)
	}
	return nil
}
