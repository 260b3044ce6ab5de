// Package server runs a Kubernetes server: the control plane and, beside it, this machine as a node.
package server

import (
	"context"
	"net"
	"os"

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
	_ = os.Remove(agent.JoiningFile) // of an agent that this machine was before
	others, err := askOthers(ctx, &cfg, host)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	store, err := newStore(cfg, host)
	if err != nil {
		return err
	}
	members, err := memberOf(cfg, host, store, others)
	if err != nil {
		return err
	}
	encryption, err := newEncryption(cfg, others)
	if err != nil {
		return err
	}
	network, err := agent.NewNetwork(agent.NetworkOptions{
		ClusterCIDR: cfg.ClusterCIDR[0], Backend: cfg.FlannelBackend, AgentDir: cfg.AgentDir(), BinDirs: cfg.CNIBinDirs,
		LinkMTU: agent.LinkMTU(host.IPv4()), IsFirst: cfg.ServerURL == "",
	})
	if err != nil {
		return err
	}
	plane := &controlPlane{
		cfg: cfg, host: host, store: store,
		credentials: ownCredentials{cfg, store},
		datastore:   datastore.SQLite{Dir: cfg.ServerDir("db"), Name: cfg.DatastoreEndpoint},
		members:     members,
		encryption:  encryption,
		network:     network,
		settle:      settle,
		start:       newStart(),
	}
	if members != nil {
		plane.datastore = members
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
		Name:          p.host.NodeName,
		IPs:           p.host.NodeIPs,
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
