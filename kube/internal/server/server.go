// Package server runs a Kubernetes server: the control plane and, beside it, this machine as a node.
package server

import (
	"context"
	"errors"
	"net"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/logging"
	"k3os.io/kube/internal/memory"
	"k3os.io/kube/internal/parts"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/snapshots"
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
	if cfg.Reset.Wanted {
		return reset(ctx, cfg, host)
	}
	agent.HaveJoined() // what this machine said as an agent, before, counts no more
	found, err := findDatastore(ctx, &cfg, host)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return err
	}
	if found.close != nil {
		defer found.close()
	}
	encryption, err := newEncryption(cfg, found)
	if err != nil {
		return err
	}
	network, err := agent.NewNetwork(agent.NetworkOptions{
		ClusterCIDR: cfg.ClusterCIDR[0], Backend: cfg.FlannelBackend, FlannelConf: cfg.FlannelConf, CNIConf: cfg.FlannelCNIConf,
		AgentDir: cfg.AgentDir(), BinDirs: cfg.CNIBinDirs,
		LinkMTU: agent.LinkMTU(cfg.FlannelIface, host.IPv4()), IsFirst: !found.joined,
	})
	if err != nil {
		return err
	}
	plane := &controlPlane{
		cfg: cfg, host: host, store: found.store,
		credentials: ownCredentials{cfg, found.store},
		datastore:   found.datastore,
		members:     found.members,
		joined:      found.joined,
		others:      found.others,
		encryption:  encryption,
		network:     network,
		settle:      settle,
		start:       newStart(),
	}
	if found.members != nil {
		plane.snapshots = &snapshots.Keeper{NodeName: host.NodeName, Defaults: cfg.Snapshots, Source: plane, Others: plane.othersSnapshots}
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

// A foundDatastore is where the objects are, and the keys of their cluster.
type foundDatastore struct {
	datastore Datastore
	members   *etcd.Member // the datastore, if it is a member of etcd
	store     *pki.Store
	joined    bool    // other servers were there before this one
	others    cluster // whom members joins; nil if it begins a cluster, or has no --server
	close     func()  // may be nil
}

// findDatastore asks those that are there already. cfg takes over from them what the user has left open.
func findDatastore(ctx context.Context, cfg *config.Server, host hostFacts) (f foundDatastore, err error) {
	if cfg.HasExternalDatastore() {
		database, err := openDatabase(ctx, *cfg)
		if err != nil {
			return f, err
		}
		f.datastore, f.close = database, database.close
		f.store, f.joined, err = database.agree(ctx, cfg, host)
		if err = errors.Join(err, database.client.Close()); err != nil {
			database.close()
		}
		return f, err
	}
	others, err := askOthers(ctx, cfg, host)
	if err != nil {
		return f, err
	}
	if f.store, err = newStore(*cfg, host); err != nil {
		return f, err
	}
	if err := keepAgentToken(cfg); err != nil {
		return f, err
	}
	if f.joined = others != nil; f.joined {
		f.others = others.peer
	}
	if f.members, err = memberOf(*cfg, host, f.store, others); err != nil {
		return f, err
	}
	f.datastore = datastore.SQLite{Dir: cfg.ServerDir("db"), Name: cfg.DatastoreEndpoint}
	if f.members != nil {
		f.datastore = f.members
	}
	return f, nil
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
		Settled:       p.start.nodeAwaited.Reached(),

		EnforcesPolicies: !cfg.DisableNetworkPolicy,
	}, nil
}

func bindAddress(cfg config.Server) string {
	if cfg.BindAddress != "" {
		return cfg.BindAddress
	}
	return net.IPv4zero.String()
}
