package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/join"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// others are the servers of the cluster that this one joins, or belongs to.
type others struct {
	peer   *join.Peer
	shared pki.Bootstrap // nil if this machine has it already
	// cluster is what the cluster is like.
	cluster supervisor.ClusterConfig
}

// clusterFile is what the cluster was like when this server joined it, below server.
const clusterFile = "cluster.json"

// askOthers gets what all servers have in common, if this one is told to join them and has not yet. cfg takes over what
// the user has left open. It returns nil for a server that begins a cluster.
func askOthers(ctx context.Context, cfg *config.Server, host hostFacts) (*others, error) {
	if cfg.ServerURL == "" {
		return nil, nil
	}
	peer, err := join.NewPeer(*cfg, host.NodeName, host.NodeIPs)
	if err != nil {
		return nil, err
	}
	peer.Password = func() (string, error) {
		t, err := token.Parse(cfg.Token) // NewPeer has checked it
		if err != nil {
			return "", err
		}
		return join.ServerPassword(host.NodeName, t.Secret)
	}
	o := &others{peer: peer}
	if b, err := os.ReadFile(cfg.ServerDir(clusterFile)); err == nil && etcd.Exists(etcdDir(*cfg)) {
		if err := readCluster(b, &o.cluster, &o.cluster); err != nil {
			return nil, fmt.Errorf("%s is damaged: %w", cfg.ServerDir(clusterFile), err)
		}
		if _, err := adoptKeptAgentToken(cfg); err != nil {
			return nil, err
		}
		return o, adopt(cfg, sinceJoined(*cfg, o.cluster))
	}
	if etcd.Exists(etcdDir(*cfg)) {
		return o, nil // it was restored here, and belongs to no cluster of others
	}
	if o.shared, o.cluster, err = peer.Bootstrap(ctx, agent.TellJoining); err != nil {
		return nil, err
	}
	agent.HaveJoined()
	if err := adoptAgentToken(cfg, o.shared.AgentToken()); err != nil {
		return nil, err
	}
	return o, adopt(cfg, o.cluster)
}

// readCluster reads what a server has kept into a value that has the cluster in it, or is it.
func readCluster(b []byte, into any, cluster *supervisor.ClusterConfig) error {
	if err := json.Unmarshal(b, into); err != nil {
		return err
	}
	if !knowsPolicies(b) {
		cluster.DisableNPC = false
	}
	return nil
}

// knowsPolicies tells whether the build that wrote this knew NetworkPolicies. One that did not wrote that they are off,
// and did not know FlannelExternalIP either.
func knowsPolicies(b []byte) bool { return bytes.Contains(b, []byte(`"FlannelExternalIP"`)) }

// adoptKeptAgentToken is adoptAgentToken with the one that this server took over before, if that is known.
func adoptKeptAgentToken(cfg *config.Server) (isKnown bool, err error) {
	kept, isKnown := pki.KeptAgentToken(cfg.ServerDir())
	if !isKnown {
		return false, nil
	}
	if err := adoptAgentToken(cfg, kept); err != nil {
		return true, fmt.Errorf("%w; if it was changed on all of them, remove %s", err, pki.AgentTokenFile(cfg.ServerDir()))
	}
	return true, nil
}

// adoptAgentToken takes over the token of agents, which is "" where they join with that of servers.
func adoptAgentToken(cfg *config.Server, ofTheOthers string) error {
	if cfg.AgentToken == "" {
		cfg.AgentToken = ofTheOthers
		return nil
	}
	own, err := token.Parse(cfg.AgentToken)
	if err != nil {
		return fmt.Errorf("--agent-token: %w", err)
	}
	if ofTheOthers == "" {
		return errors.New("--agent-token is given here, and on the servers of the cluster agents join with the token of servers:" +
			" leave it out, or give it to those servers first")
	}
	if theirs, err := token.Parse(ofTheOthers); err != nil || theirs.Secret != own.Secret {
		return errors.New("--agent-token is another one than that of the servers of the cluster: leave it out, and theirs is taken over")
	}
	return nil
}

// keepAgentToken makes the token of agents that this server has that of this start, if it is to keep it without being
// given it: with etcd it may have come from a snapshot, or the other servers go on with it.
func keepAgentToken(cfg *config.Server) error {
	if cfg.AgentToken != "" || !etcd.Exists(etcdDir(*cfg)) {
		return nil
	}
	kept, _ := pki.KeptAgentToken(cfg.ServerDir())
	if kept == "" {
		return nil
	}
	t, err := token.Parse(kept)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w; give --agent-token, or remove the file, and agents join with the token of servers",
			pki.AgentTokenFile(cfg.ServerDir()), err)
	}
	cfg.AgentToken = token.Node + ":" + t.Secret // the authority may be another one since
	return nil
}

func etcdDir(cfg config.Server) string { return cfg.ServerDir("db", "etcd") }

// memberOf is this machine's member of etcd; nil if the server stores by itself.
func memberOf(cfg config.Server, host hostFacts, store *pki.Store, o *others) (*etcd.Member, error) {
	dir := etcdDir(cfg)
	if !cfg.ClusterInit && o == nil && !etcd.Exists(dir) {
		return nil, nil
	}
	store.Etcd = true
	member := newMember(cfg, host, store)
	if err := mayMove(cfg, member); err != nil {
		return nil, err
	}
	if err := os.Remove(cfg.ServerDir(resetFlag...)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if o == nil {
		if etcd.Exists(dir) {
			return member, nil
		}
		return member, settleKeys(cfg) // a join that was given up
	}
	member.Joining = o.peer
	if o.shared == nil {
		return member, nil
	}
	if err := checkEncryption(cfg, o.shared.EncryptionConfig()); err != nil {
		return nil, err
	}
	if err := store.KeepBootstrap(o.shared); err != nil {
		return nil, err
	}
	if err := expectKeys(cfg); err != nil {
		return nil, err
	}
	return member, keepCluster(cfg, o.cluster) // only now, that it is so
}

func newMember(cfg config.Server, host hostFacts, store *pki.Store) *etcd.Member {
	ip := host.IPv4()
	if ip == nil {
		ip = host.NodeIPs[0]
	}
	return &etcd.Member{
		Dir: etcdDir(cfg), NodeName: host.NodeName, NodeIP: ip,
		PeerCert: store.CertFile(pki.EtcdPeer), PeerKey: store.KeyFile(pki.EtcdPeer), PeerCA: store.CertFile(pki.EtcdPeerCA),
		Args: cfg.EtcdArgs, Metrics: cfg.EtcdExposeMetrics,
	}
}
