// Package components lists what the cluster is packaged with: objects that go with what it serves itself, and pods that
// run this very binary.
package components

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/components/coredns/serve"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/localpath"
	"k3os.io/kube/internal/metrics"
	"k3os.io/kube/internal/stage"
)

// A Component is one manifest, and the program that its pod runs, if it has one.
type Component struct {
	// Name is that for --disable, and, of one with a pod, of the binary's hidden command and of the Deployment in
	// kube-system.
	Name string
	// File is that of the manifest, without its suffix. "" is Name.
	File string
	// Wanted is whether a server with this configuration has a use for the component, which --disable overrules.
	Wanted func(config.Server) bool
	// Manifest renders its objects.
	Manifest func(config.Server) ([]byte, error)
	// Main runs the program with its arguments, without its name; nil if there is no pod.
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
		Wanted:   always,
		Manifest: func(config.Server) ([]byte, error) { return metrics.Manifest, nil },
	},
	{
		Name:     localpath.Name,
		Wanted:   always,
		Manifest: func(config.Server) ([]byte, error) { return localpath.Manifest, nil },
	},
	{Name: "runtimes", Wanted: always, Manifest: func(config.Server) ([]byte, error) { return runtimes, nil }},
	{Name: "cluster-dns", Wanted: always, Manifest: clusterDNS},
}

// runtimes are the handlers that the node's containerd has besides its default.
var runtimes = []byte(`apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: crun
handler: crun
---
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata:
  name: runc
handler: runc
`)

// clusterDNS tells what pods resolve names with, where k3s tells it.
func clusterDNS(cfg config.Server) ([]byte, error) {
	dns, err := cfg.DNSAddress()
	if err != nil {
		return nil, err
	}
	return yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]string{"name": "cluster-dns", "namespace": metav1.NamespaceSystem},
		"data":     map[string]string{"clusterDNS": dns.String(), "clusterDomain": cfg.ClusterDomain},
	})
}

func always(config.Server) bool { return true }

func corednsManifest(cfg config.Server) ([]byte, error) {
	dns, err := cfg.DNSAddress()
	if err != nil {
		return nil, err
	}
	return coredns.Manifest(coredns.Values{
		ClusterIP: dns.String(), ClusterDomain: cfg.ClusterDomain, Image: cfg.PauseImage,
	})
}
