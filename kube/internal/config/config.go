// Package config turns k3s's command line, environment and configuration files into one value.
//
// The value goes through stages, like every fact in k3OS: read (files, environment, arguments) → merge → check. Nothing
// here touches the system beyond reading the configuration files, so all of it is testable without a node.
package config

import (
	"net/netip"
	"path/filepath"
)

// Server is the checked configuration of `k3s server`: the control plane and, unless DisableAgent, the node beside it.
type Server struct {
	Agent

	Token     string
	TokenFile string

	AdvertiseAddress string
	BindAddress      string
	HTTPSListenPort  int
	TLSSANs          []string

	ClusterCIDR          []string
	ServiceCIDR          []string
	ServiceNodePortRange string
	ClusterDNS           []string
	ClusterDomain        string

	WriteKubeconfig     string
	WriteKubeconfigMode string

	DatastoreEndpoint string
	FlannelBackend    string

	Disable                  []string
	DisableAgent             bool
	DisableKubeProxy         bool
	DisableScheduler         bool
	DisableControllerManager bool

	APIServerArgs         []string
	ControllerManagerArgs []string
	SchedulerArgs         []string

	// ServerURL is what --server asked for; joining is refused, so it is empty in a checked value.
	ServerURL string
}

// Agent is the part of the configuration that belongs to the node: kubelet, kube-proxy, containerd.
type Agent struct {
	DataDir string
	Debug   bool
	Verbose int
	VModule string

	NodeName       string
	NodeIP         []string
	NodeExternalIP []string
	NodeLabels     []string
	NodeTaints     []string
	ResolvConf     string

	PauseImage               string
	PrivateRegistry          string
	Snapshotter              string
	ContainerRuntimeEndpoint string
	DefaultRuntime           string
	CNIBinDirs               []string

	KubeletArgs   []string
	KubeProxyArgs []string
}

// ServerDir is where the control plane keeps its state.
func (a Agent) ServerDir(elem ...string) string {
	return filepath.Join(append([]string{a.DataDir, "server"}, elem...)...)
}

// AgentDir is where the node keeps its state.
func (a Agent) AgentDir(elem ...string) string {
	return filepath.Join(append([]string{a.DataDir, "agent"}, elem...)...)
}

// DNSAddress is the cluster address of CoreDNS: the first of --cluster-dns, or the tenth of the service range.
func (s Server) DNSAddress() (netip.Addr, error) {
	if len(s.ClusterDNS) > 0 {
		return netip.ParseAddr(s.ClusterDNS[0])
	}
	return s.serviceAddress(10)
}

// APIServiceAddress is the cluster address of the API, the first of the service range.
func (s Server) APIServiceAddress() (netip.Addr, error) { return s.serviceAddress(1) }

func (s Server) serviceAddress(n int) (netip.Addr, error) {
	p, err := netip.ParsePrefix(s.ServiceCIDR[0])
	if err != nil {
		return netip.Addr{}, err
	}
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a, nil
}

// Disabled reports whether --disable names the packaged component or manifest.
func (s Server) Disabled(name string) bool {
	for _, d := range s.Disable {
		if d == name {
			return true
		}
	}
	return false
}
