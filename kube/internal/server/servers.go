package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/files"
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
		if o.cluster, err = readCluster(b); err != nil {
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
	_ = os.Remove(agent.JoiningFile)
	if err := adoptAgentToken(cfg, o.shared.AgentToken()); err != nil {
		return nil, err
	}
	return o, adopt(cfg, o.cluster)
}

// readCluster reads what a server has kept.
func readCluster(b []byte) (c supervisor.ClusterConfig, err error) {
	err = json.Unmarshal(b, &c)
	if !knowsPolicies(b) {
		c.DisableNPC = false
	}
	return c, err
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

// sinceJoined is the cluster as it was when this server joined, with what may be changed afterwards, on one server
// after the other.
func sinceJoined(cfg config.Server, cluster supervisor.ClusterConfig) supervisor.ClusterConfig {
	if cfg.Given("disable-network-policy") {
		cluster.DisableNPC = cfg.DisableNetworkPolicy
	}
	return cluster
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
		return member, nil
	}
	member.Joining = o.peer
	if o.shared == nil {
		return member, nil
	}
	if err := checkEncryption(cfg, o.shared.EncryptionConfig()); err != nil {
		return nil, err
	}
	if err := files.Write(cfg.ServerDir(unconfirmedKeys...), nil, 0o600); err != nil {
		return nil, err
	}
	if err := store.KeepBootstrap(o.shared); err != nil {
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
	}
}

// adopt makes the values that all servers must have in common those of the cluster. One that the user has set to
// something else is an error.
func adopt(cfg *config.Server, cluster supervisor.ClusterConfig) error {
	c := &cfg.ControlPlane
	for _, one := range []struct {
		flag        string
		own         *[]string
		ofTheOthers []string
	}{
		{"cluster-cidr", &c.ClusterCIDR, texts(cluster.ClusterIPRanges)},
		{"service-cidr", &c.ServiceCIDR, texts(cluster.ServiceIPRanges)},
	} {
		if err := adoptOne(cfg, one.flag, strings.Join(*one.own, ","), strings.Join(one.ofTheOthers, ",")); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	dns := cluster.ClusterDNS.String()
	if err := adoptOne(cfg, "cluster-dns", strings.Join(c.ClusterDNS, ","), dns); err != nil {
		return err
	}
	if own, err := c.DNSAddress(); err != nil || own.String() != dns {
		c.ClusterDNS = []string{dns}
	}
	for _, one := range []struct {
		flag        string
		own         *string
		ofTheOthers string
	}{
		{"cluster-domain", &c.ClusterDomain, cluster.ClusterDomain},
		{"flannel-backend", &c.FlannelBackend, cluster.FlannelBackend},
	} {
		if err := adoptOne(cfg, one.flag, *one.own, one.ofTheOthers); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	for _, one := range []struct {
		flag        string
		own         *bool
		ofTheOthers bool
	}{
		{"disable-network-policy", &c.DisableNetworkPolicy, cluster.DisableNPC},
		{"flannel-external-ip", &c.FlannelExternalIP, cluster.FlannelExternalIP},
	} {
		if err := adoptOne(cfg, one.flag, strconv.FormatBool(*one.own), strconv.FormatBool(one.ofTheOthers)); err != nil {
			return err
		}
		*one.own = one.ofTheOthers
	}
	return nil
}

func adoptOne(cfg *config.Server, flag, own, ofTheOthers string) error {
	if cfg.Given(flag) && own != ofTheOthers {
		return fmt.Errorf("--%s is %s here and %s on the servers of the cluster: set it to that, or leave it out", flag, own, ofTheOthers)
	}
	return nil
}

func texts[T fmt.Stringer](values []T) (all []string) {
	for _, v := range values {
		all = append(all, v.String())
	}
	return all
}

// How long a part that only one server runs is another's, as k3s has it.
const (
	leaseDuration = 40 * time.Second
	renewDeadline = 30 * time.Second
	retryPeriod   = 5 * time.Second
)

// identity is what no other server has, and this one has again after a restart.
func (p *controlPlane) identity() string {
	if p.members != nil {
		return p.members.Name()
	}
	return p.host.NodeName
}

// elected runs a part on one of several servers at a time. Upstream's own election ends the process when it is lost,
// and etcd with it; this one ends the part, and begins anew.
func (p *controlPlane) elected(name string, run func(context.Context) error) func(context.Context) error {
	if !p.isOneOfSeveral() {
		return run
	}
	return func(ctx context.Context) error {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name},
			Client:     p.client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: p.identity()},
		}
		for {
			turn, end := context.WithCancel(ctx)
			ended := make(chan error, 1)
			elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
				Lock: lock, Name: name, ReleaseOnCancel: true,
				LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
				Callbacks: leaderelection.LeaderCallbacks{
					OnStartedLeading: func(ctx context.Context) {
						err := run(ctx)
						if ctx.Err() != nil {
							err = nil // it was told to end
						}
						ended <- err
						end()
					},
					OnStoppedLeading: func() {},
				},
			})
			if err != nil {
				end()
				return err
			}
			elector.Run(turn)
			if ctx.Err() != nil {
				end()
				return nil
			}
			// It led, since only the end of ctx ends the wait for that. The part must be over before it begins anew.
			err = <-ended
			end()
			if err != nil {
				return err
			}
			fmt.Fprintf(os.Stderr, "k3s: another server may run the %s now\n", name)
		}
	}
}
