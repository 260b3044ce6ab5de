// Package components lists what the cluster is packaged with: pods that run this very binary, and objects that go with
// what it serves itself.
package components

import (
	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/components/coredns/serve"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/metrics"
	"k3os.io/kube/internal/stage"
)

// A Component is one manifest, and the program that its pod runs if it has one.
type Component struct {
	// Name is that for --disable, and, with a pod, of the binary's hidden command and of the Deployment in kube-system.
	Name string
	// File is that of the manifest, without its suffix. "" is Name.
	File string
	// Wanted is whether a server with this configuration has a use for the component, which --disable overrules.
	Wanted func(config.Server) bool
	// Manifest renders its objects.
	Manifest func(config.Server) ([]byte, error)
	// Main runs the program with its arguments, without its name. It is nil if there is no pod.
	Main func(args []string) error
	// Available is the stage that a start has come to when the Deployment is available for the first time.
	Available stage.Stage
}

// All are the packaged components.
var All = []Component{
	{
		Name:      coredns.Name,
		Wanted:    func(cfg config.Server) bool { return !cfg.DisableAgent }, // nobody else runs pods
		Manifest:  corednsManifest,
		Main:      serve.Main,
		Available: stage.CoreDNSReady,
	},
	{
		Name:     metrics.Name,
		File:     "metrics-server-role", // the other name may be that of somebody's own metrics-server
		Wanted:   func(config.Server) bool { return true },
		Manifest: func(config.Server) ([]byte, error) { return metrics.Manifest, nil },
	},
}

func corednsManifest(cfg config.Server) ([]byte, error) {
	dns, err := cfg.DNSAddress()
	if err != nil {
		return nil, err
	}
	return coredns.Manifest(coredns.Values{
		ClusterIP: dns.String(), ClusterDomain: cfg.ClusterDomain, Image: cfg.PauseImage,
	})
}
