// Package server runs a Kubernetes server: the control plane and, beside it, this machine as a node.
package server

import (
	"context"
	"net"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/logging"
	"k3os.io/kube/internal/memory"
	"k3os.io/kube/internal/parts"
	"k3os.io/kube/internal/stage"
)

// Run runs a server until ctx ends, which is no error, or a part of it cannot go on. Pods keep running either way.
func Run(ctx context.Context, cfg config.Server) error {
	stage.Reached(stage.ProcessStart)
	settle := memory.Start()
	host, err := preflight(ctx, cfg)
	if err != nil {
		return err
	}
	store, err := newStore(cfg, host)
	if err != nil {
		return err
	}
	network, err := agent.NewNetwork(cfg.ClusterCIDR[0], cfg.FlannelBackend, cfg.AgentDir(), cfg.CNIBinDirs)
	if err != nil {
		return err
	}
	plane := &controlPlane{
		cfg: cfg, host: host, store: store,
		credentials: ownCredentials{cfg, store},
		datastore:   datastore.SQLite{Dir: cfg.ServerDir("db"), Name: cfg.DatastoreEndpoint},
		network:     network,
		settle:      settle,
		start:       newStart(),
	}
	all := plane.parts()
	if !cfg.DisableAgent {
		node, err := newNode(plane)
		if err != nil {
			return err
		}
		all = append(all, node.Parts()...)
	}
	return parts.Run(ctx, all, logging.Stopping)
}

// newNode is this machine as a node of its own control plane.
func newNode(p *controlPlane) (*agent.Node, error) {
	cfg := p.cfg
	dns, err := cfg.DNSAddress()
	if err != nil {
		return nil, err
	}
	return &agent.Node{
		Config:        cfg.Node,
		Name:          p.host.nodeName,
		IPs:           p.host.nodeIPs,
		Network:       p.network,
		ClusterCIDR:   cfg.ClusterCIDR[0],
		Credentials:   p.credentials,
		ClusterDNS:    dns,
		ClusterDomain: cfg.ClusterDomain,
		ServesDNS:     len(cfg.ClusterDNS) > 0 || !cfg.Disabled(coredns.Name),
		KubeProxy:     !cfg.DisableKubeProxy,
		APIReady:      p.start.apiReady.Reached(),
	}, nil
}

func bindAddress(cfg config.Server) string {
	if cfg.BindAddress != "" {
		return cfg.BindAddress
	}
	return net.IPv4zero.String()
}
