package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/loadbalancer"
	"k3os.io/kube/internal/loop"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// leastLife is how long the certificates that are at hand must hold to start with while no server answers.
const leastLife = time.Hour

// Pauses between two tries to join.
const (
	firstPause = time.Second
	lastPause  = 10 * time.Second
)

// A Membership is what a node has of its cluster. All of it is kept, so that a node starts while its servers are away.
type Membership struct {
	dir    string // agent
	api    string // URL of the API as this node reaches it
	seed   string // URL of --server
	client *client
	mu     sync.Mutex
	// strangers are those HOST:PORT that belonged to another cluster when this machine joined. Nothing is handed on to
	// them.
	strangers []string
}

// New returns the membership of a machine. api is the URL under which its components reach the API.
func New(cfg config.Agent, nodeName string, nodeIPs []net.IP, api string) (*Membership, error) {
	t, err := token.Parse(cfg.Token)
	if err != nil {
		return nil, err
	}
	password, err := nodePassword(PasswordFile, func() string { return derivedPassword(t.Secret, nodeName) })
	if err != nil {
		return nil, err
	}
	store := pki.NewNodeStore(cfg.AgentDir(), nodeName, nodeIPs)
	server := strings.TrimSuffix(cfg.ServerURL, "/")
	return &Membership{dir: cfg.AgentDir(), api: api, seed: server, client: &client{server: server, token: t, store: store, password: password}}, nil
}

// Kubeconfig is the file for a component, which is named by its certificate.
func (m *Membership) Kubeconfig(name string) string { return pki.NodeKubeconfigs(m.dir)[name] }

// Join returns what the cluster is like, once this machine has all that it needs to be a node of it. It tries until ctx
// ends, and tells what keeps it from joining, each reason once in a row. A node that has joined before goes on with
// what it has when no server answers.
func (m *Membership) Join(ctx context.Context, tell func(reason string)) (cluster supervisor.ClusterConfig, err error) {
	err = untilJoined(ctx, tell, func() (err error) {
		if cluster, err = m.try(ctx); err == nil || !isAway(err) || ctx.Err() != nil {
			return err
		}
		keptCluster, isKept := m.kept()
		if !isKept {
			return err
		}
		tell(fmt.Sprintf("%v; this node starts with what it has kept of its cluster", err))
		cluster = keptCluster
		return nil
	})
	return cluster, err
}

// untilJoined tries until it works or ctx ends, and tells what is in the way, each reason once in a row.
func untilJoined(ctx context.Context, tell func(reason string), try func() error) error {
	pause := firstPause
	var reasons loop.Reasons
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if reasons.IsNew(err) {
			tell(err.Error())
		}
		if !loop.Pause(ctx, pause+rand.N(pause/2)) { // not all machines of a cluster at the same time
			return ctx.Err()
		}
		pause = min(2*pause, lastPause)
	}
}

// isAway tells whether there is no server that has said no.
func isAway(err error) bool {
	var nobody *awayError
	var no *answerError
	if errors.As(err, &no) {
		return no.status == http.StatusBadGateway || no.status == http.StatusServiceUnavailable || no.status == http.StatusGatewayTimeout
	}
	return errors.As(err, &nobody)
}

func isStranger(err error) bool { return errors.As(err, new(*strangerError)) }

func (m *Membership) try(ctx context.Context) (cluster supervisor.ClusterConfig, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	// The one of --server may be gone for good, and others be there.
	urls := []string{m.seed}
	for _, server := range m.Servers() {
		if u := "https://" + server; !slices.Contains(urls, u) {
			urls = append(urls, u)
		}
	}
	defer func() { m.client.server = m.seed }()
	m.strangers = nil
	var awayErr error // of any
	for i, u := range urls {
		m.client.server = u
		answer, failed := m.ask(ctx)
		if failed == nil {
			m.tellStranger(u)
			return answer, nil
		}
		if i == 0 {
			err = failed
		}
		switch {
		case isStranger(failed):
			m.strangers = append(m.strangers, strings.TrimPrefix(u, "https://"))
		case isAway(failed):
			awayErr = failed
		case i == 0 || isStranger(err):
			return cluster, failed
		}
	}
	if isStranger(err) && awayErr != nil {
		return cluster, away("%v; and of the servers known from before: %v", err, awayErr)
	}
	return cluster, err
}

// tellStranger says why a node goes on with another server than that of --server, if this is of another cluster.
func (m *Membership) tellStranger(with string) {
	if seed := strings.TrimPrefix(m.seed, "https://"); slices.Contains(m.strangers, seed) {
		fmt.Fprintf(os.Stderr, "k3s: --server=%s belongs to another cluster: this node stays in its own, with %s; correct"+
			" --server, or, to join the other one, give its whole token\n", m.seed, strings.TrimPrefix(with, "https://"))
	}
}

// ask joins by the server of the client.
func (m *Membership) ask(ctx context.Context) (cluster supervisor.ClusterConfig, err error) {
	if err := m.client.trust(ctx); err != nil {
		return cluster, err
	}
	var (
		g                  errgroup.Group
		serverCA, clientCA []byte
		servers            []string
	)
	g.Go(func() (err error) { serverCA, err = m.client.get(ctx, supervisor.PathServerCA); return err })
	g.Go(func() (err error) { clientCA, err = m.client.get(ctx, supervisor.PathClientCA); return err })
	g.Go(func() error { return m.client.getJSON(ctx, supervisor.PathConfig, &cluster) })
	g.Go(func() error { return m.client.getJSON(ctx, supervisor.PathServers, &servers) })
	if err := g.Wait(); err != nil {
		return cluster, err
	}
	if err := m.client.store.KeepAuthorities(serverCA, clientCA); err != nil {
		return cluster, err
	}
	// One is asked for anew at each start, so that the password is shown each time, and is kept even if the Node was
	// deleted meanwhile.
	if _, err := m.renew(ctx, pki.Kubelet); err != nil {
		return cluster, err
	}
	if err := pki.WriteNodeKubeconfigs(m.dir, m.api); err != nil {
		return cluster, err
	}
	return cluster, errors.Join(m.keep(clusterFile, cluster), m.keep(serversFile, servers))
}

// Ensure renews certificates that expire within pki.RenewBefore, and names them.
func (m *Membership) Ensure() (written []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.client.store.Due(pki.RenewBefore)) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	m.client.server = m.api // whichever server answers
	if err := m.client.trust(ctx); err != nil {
		return nil, err
	}
	return m.renew(ctx)
}

// Refresh asks which servers there are now.
func (m *Membership) Refresh(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.client.server = m.api
	if err := m.client.trust(ctx); err != nil {
		return err
	}
	var servers []string
	if err := m.client.getJSON(ctx, supervisor.PathServers, &servers); err != nil {
		return err
	}
	return m.keep(serversFile, servers)
}

// renew asks for what is due, and for what is named.
func (m *Membership) renew(ctx context.Context, always ...string) (written []string, err error) {
	due := m.client.store.Due(pki.RenewBefore)
	for _, name := range always {
		if !slices.Contains(due, name) {
			due = append(due, name)
		}
	}
	var g errgroup.Group
	for _, name := range due {
		g.Go(func() error {
			key, request, err := m.client.store.Request()
			if err != nil {
				return err
			}
			signed, err := m.client.sign(ctx, name, request)
			if err != nil {
				return err
			}
			return m.client.store.Keep(name, key, signed)
		})
	}
	return due, g.Wait()
}

// Where a node keeps what the servers said, below agent/etc.
const (
	clusterFile = "cluster.json"
	serversFile = "servers.json"
)

func (m *Membership) keep(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return files.Write(filepath.Join(m.dir, "etc", name), append(b, '\n'), 0o600)
}

// kept is what the cluster was like when it was asked last, if the certificates hold long enough to start with it.
func (m *Membership) kept() (cluster supervisor.ClusterConfig, ok bool) {
	authority, err := os.ReadFile(filepath.Join(m.dir, pki.ServerCA+".crt"))
	if err != nil || m.client.token.CheckAuthority(authority) != nil || len(m.client.store.Due(leastLife)) > 0 {
		return cluster, false
	}
	b, err := os.ReadFile(filepath.Join(m.dir, "etc", clusterFile))
	if err != nil || json.Unmarshal(b, &cluster) != nil {
		return cluster, false
	}
	return cluster, true
}

// Balancer hands on to the servers of the cluster, first to the one of --server.
func (m *Membership) Balancer() *loadbalancer.Balancer {
	b := &loadbalancer.Balancer{Servers: m.Servers}
	if seed := strings.TrimPrefix(m.seed, "https://"); !slices.Contains(m.strangers, seed) {
		b.Current = seed
	}
	return b
}

// Servers are HOST:PORT of the servers that were told of last; the one of --server is the last of them. Those of
// another cluster are left out.
func (m *Membership) Servers() (servers []string) {
	if b, err := os.ReadFile(filepath.Join(m.dir, "etc", serversFile)); err == nil {
		_ = json.Unmarshal(b, &servers) // one that is damaged says nothing
	}
	servers = append(servers, strings.TrimPrefix(m.seed, "https://"))
	return slices.DeleteFunc(servers, func(one string) bool { return slices.Contains(m.strangers, one) })
}
