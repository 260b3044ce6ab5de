// k3s is the one binary of a node: the control plane, the kubelet, containerd and the tools that talk to them.
package main

import (
	"os"

	"k3os.io/kube/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args)) }
