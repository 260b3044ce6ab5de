// Package informernames lets a part of the process that has ended begin anew under the same name.
//
// Upstream's controller manager registers a name for its informers, which their metrics have, and keeps it for as long
// as the process runs: the name is refused the second time, and the controllers with it.
package informernames

import (
	"sync"
	_ "unsafe" // for the link below

	"k8s.io/client-go/tools/cache"
)

// Upstream has no way to find a name that somebody else has registered. The test fails should this change.
//
//go:linkname registry k8s.io/client-go/tools/cache.informerNameRegistry
var registry struct {
	sync.Mutex
	names map[string]*cache.InformerName
}

// Release lets a name be registered again. A name that nobody has is no error.
func Release(name string) {
	registry.Lock()
	registered := registry.names[name]
	registry.Unlock()
	registered.Release()
}
