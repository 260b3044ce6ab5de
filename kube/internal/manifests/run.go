// Package manifests keeps the files in server/manifests applied.
//
// A file is applied when it is new or has changed. In between a user may edit its objects, as he may in k3s; only
// objects that somebody deleted come back. What a file no longer names is deleted, and so is what a deleted file named.
// Each file's inventory is a ConfigMap in kube-system, so it survives a restart and can be read with kubectl.
package manifests

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"

	"k3os.io/kube/internal/dirwatch"
)

const (
	settle = 300 * time.Millisecond
	// resync bounds how long a deleted object stays away; retry is for files that could not be applied yet, such as one
	// whose custom resource another file defines.
	resync = time.Minute
	retry  = 3 * time.Second
)

// Options say what to apply.
type Options struct {
	Dir string
	// Disabled names files, without their suffix, that are not applied and whose objects are deleted.
	Disabled []string
}

// Run applies the directory until ctx ends. A file that cannot be applied is reported and tried again.
func Run(ctx context.Context, cfg *rest.Config, o Options) error {
	d, err := newDeployer(cfg, o)
	if err != nil {
		return err
	}
	reported := ""
	return dirwatch.Run(ctx, o.Dir, settle, func(ctx context.Context) time.Duration {
		err := d.sync(ctx)
		if err == nil {
			reported = ""
			return resync
		}
		if ctx.Err() == nil && err.Error() != reported {
			fmt.Fprintf(os.Stderr, "k3s: %v\n", err)
			reported = err.Error()
		}
		return retry
	})
}

func newDeployer(cfg *rest.Config, o Options) (*deployer, error) {
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return nil, err
	}
	disco, err := discovery.NewDiscoveryClientForConfig(cfg)
	if err != nil {
		return nil, err
	}
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(disco))
	return &deployer{Options: o, inventories: client.CoreV1().ConfigMaps(inventoryNamespace), objects: objects, mapper: mapper}, nil
}

// sync brings the cluster in line with the directory. One bad file does not keep the others from being applied.
func (d *deployer) sync(ctx context.Context) error {
	files, err := readDir(d.Dir, d.Disabled)
	if err != nil {
		return err
	}
	known, err := d.loadInventories(ctx)
	if err != nil {
		return err
	}
	var errs []error
	present := map[string]bool{}
	for _, f := range files {
		present[f.name] = true
		if f.skip {
			continue
		}
		if err := d.applyFile(ctx, f, known[f.name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", f.path, err))
		}
	}
	for name, inv := range known {
		if !present[name] {
			if err := d.remove(ctx, inv); err != nil {
				errs = append(errs, fmt.Errorf("deleting what %s had: %w", name, err))
			}
		}
	}
	return errors.Join(errs...)
}
