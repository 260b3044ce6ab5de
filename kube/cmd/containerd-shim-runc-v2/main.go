// containerd-shim-runc-v2 is containerd's own shim, unchanged. It is a binary of its own because one process of it
// lives as long as each pod: inside the big binary every pod would pay for the whole of Kubernetes.
package main

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task/plugin"
	"github.com/containerd/containerd/v2/pkg/shim"
)

func main() { shim.RunShim(context.Background(), manager.NewShimManager("io.containerd.runc.v2")) }
