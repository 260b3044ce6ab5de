package server

import (
	"context"
	"sync"

	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"

	"k3os.io/kube/internal/addresses"
	"k3os.io/kube/internal/localpath"
	"k3os.io/kube/internal/servicelb"
)

// controllersName is that of the part, and of the election. Without upstream's controllers it is another election, so
// that this server does not keep them from running elsewhere. Our own then run on two servers if not all are without
// upstream's: an election of their own would cost every cluster a write every few seconds, so the flag has to be equal.
func (p *controlPlane) controllersName() string {
	if p.cfg.DisableControllerManager {
		return ownControllers
	}
	return upstreamControllers
}

// runAllControllers runs upstream's controllers and our own on one server at a time.
func (p *controlPlane) runAllControllers(ctx context.Context) error {
	ctx, end := context.WithCancel(ctx)
	var own sync.WaitGroup
	own.Go(func() { p.runOwnControllers(ctx) })
	defer own.Wait()
	defer end()
	if p.cfg.DisableControllerManager {
		<-ctx.Done()
		return nil
	}
	return persistent(ctx, p.controllersName(), p.isHealthy, func(ctx context.Context) error {
		return runControllers(ctx, p.options.controllers)
	})
}

// runOwnControllers runs what makes a fresh cluster useful, until ctx ends.
func (p *controlPlane) runOwnControllers(ctx context.Context) {
	if !cache.WaitForCacheSync(ctx.Done(), p.nodes.HasSynced) {
		return
	}
	nodes := corelisters.NewNodeLister(p.nodes.GetIndexer())
	var running sync.WaitGroup
	running.Go(func() { addresses.Run(ctx, p.client, p.nodes) })
	if !p.cfg.Disabled(localpath.Name) {
		running.Go(func() { localpath.Run(ctx, p.client, nodes, p.cfg.LocalStoragePath) })
	}
	if p.cfg.Disabled(servicelb.Name) {
		running.Go(func() { servicelb.Withdraw(ctx, p.client) })
	} else {
		running.Go(func() { servicelb.Run(ctx, p.client, p.nodes, servicelb.Reserved(p.cfg.HTTPSListenPort)) })
	}
	running.Wait()
}
