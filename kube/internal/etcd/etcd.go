// Package etcd keeps the cluster's objects on several servers: this machine as one member of etcd, in this process.
package etcd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/logutil"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"

	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/loop"
)

// PeerPort is where members talk to each other.
const PeerPort = 2380

const (
	// A node without a disk keeps the log in memory, and etcd makes two segments ahead.
	segmentBytes = 16 << 20
	quotaBytes   = 2 << 30
	// Small machines stand still for a moment now and then. These are k3s's numbers.
	heartbeatMs = 500
	electionMs  = 5000
	maxLearners = 3
	// Objects that SQLite has taken are taken here, too.
	maxRequest = 2 << 20
)

// pace is how fast members notice each other; tests have less time.
var pace = struct {
	heartbeatMs, electionMs uint
	retryEvery              time.Duration
	lookEvery               time.Duration // at learners
}{heartbeatMs, electionMs, 2 * time.Second, 10 * time.Second}

// How long the other members are given.
const (
	startPatience   = 10 * time.Minute
	requestPatience = 10 * time.Second
)

// A Member is this machine's part of the datastore.
type Member struct {
	Dir      string // server/db/etcd
	NodeName string
	NodeIP   net.IP
	PeerCert string
	PeerKey  string
	PeerCA   string
	Args     []string // flags of etcd
	// Metrics is whether anybody may read them at MetricsPort.
	Metrics bool
	// Joining asks a server of the cluster to take this member; nil where the cluster begins.
	Joining Joining

	client *clientv3.Client
	server *embed.Etcd
	level  zap.AtomicLevel // of etcd's log
}

// Exists tells whether there is a member in dir.
func Exists(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "member", "wal"))
	return err == nil
}

// Open starts the member and returns when it serves, with a vote. One that was given up while it joined, because its
// machine was away, joins anew: it has nothing but copies.
func (m *Member) Open(ctx context.Context) (datastore.Endpoint, error) {
	endpoint, err := m.open(ctx)
	if !errors.Is(err, errRemoved) || m.Joining == nil || !m.hadNoVote() {
		return endpoint, err
	}
	fmt.Fprintln(os.Stderr, "k3s: the others have given this server up while it joined: it joins anew")
	if err := m.forgetCopies(); err != nil {
		return datastore.Endpoint{}, err
	}
	return m.open(ctx)
}

func (m *Member) open(ctx context.Context) (datastore.Endpoint, error) {
	name, err := m.name()
	if err != nil {
		return datastore.Endpoint{}, err
	}
	cfg, err := m.config(name)
	if err != nil {
		return datastore.Endpoint{}, err
	}
	if m.Metrics {
		m.exposeMetrics(cfg)
	}
	isNew := !Exists(m.Dir)
	if err := os.Remove(m.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return datastore.Endpoint{}, err
	}
	if isNew && m.Joining != nil {
		cfg.ClusterState = embed.ClusterStateFlagExisting
		if err = files.Write(m.noVoteFile(), nil, 0o600); err == nil {
			err = m.join(ctx, cfg)
		}
	} else if m.server, err = embed.StartEtcd(cfg); err != nil {
		err = fmt.Errorf("etcd cannot start on %s: %w", m.Dir, err)
	}
	if err != nil {
		return datastore.Endpoint{}, err
	}
	if m.client, err = clientv3.New(clientv3.Config{Endpoints: []string{m.url()}, DialTimeout: 5 * time.Second, Logger: zap.NewNop()}); err != nil {
		return datastore.Endpoint{}, err
	}
	if err = m.await(ctx, name); err == nil {
		err = m.noteVote()
	}
	if err != nil {
		m.close()
		return datastore.Endpoint{}, err
	}
	if err := m.tellAddress(ctx); err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "k3s: other members still look for this one at the address of before: %v\n", err)
	}
	m.makeRoom(ctx)
	return datastore.Endpoint{URL: m.url()}, nil
}

// Wait stops the member when ctx ends, which is no error. It returns sooner if the member cannot go on.
func (m *Member) Wait(ctx context.Context) error {
	defer m.close()
	serving, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { m.giveUpLearners(serving) })
	defer looking.Wait()
	defer stop()
	select {
	case <-ctx.Done():
		return nil
	case err := <-m.server.Err():
		return err
	case <-m.server.Server.StopNotify():
		return m.removed()
	}
}

// errRemoved is one that no time mends.
var errRemoved = errors.New("this server was removed from its cluster")

func (m *Member) removed() error {
	return fmt.Errorf("%w: move %s away, and it joins anew", errRemoved, m.Dir)
}

// close hands leadership over first.
func (m *Member) close() {
	m.level.SetLevel(zap.FatalLevel) // everything that ends is an error to it
	_ = m.client.Close()
	m.server.Close()
}

// Name is the member's, which no other one has.
func (m *Member) Name() string { return m.server.Config().Name }

func (m *Member) socket() string { return filepath.Join(m.Dir, "client.sock") }
func (m *Member) url() string    { return "unix://" + m.socket() }

func (m *Member) peerURL() url.URL {
	return url.URL{Scheme: "https", Host: net.JoinHostPort(m.NodeIP.String(), fmt.Sprint(PeerPort))}
}

func (m *Member) nameFile() string { return filepath.Join(m.Dir, "name") }

// name is this member's for ever, so that a node that comes back with an empty disk is a new one.
func (m *Member) name() (string, error) {
	file := m.nameFile()
	if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	name := m.NodeName + "-" + hex.EncodeToString(random)
	if err := os.MkdirAll(m.Dir, 0o700); err != nil {
		return "", err
	}
	return name, files.Write(file, []byte(name+"\n"), 0o600)
}

func (m *Member) config(name string) (*embed.Config, error) {
	wal.SegmentSizeBytes = segmentBytes
	peers := m.peerURL()
	clients := url.URL{Scheme: "unix", Path: m.socket()}
	c := embed.NewConfig()
	c.TickMs, c.ElectionMs = pace.heartbeatMs, pace.electionMs
	c.QuotaBackendBytes = limits.quota
	c.MaxRequestBytes = maxRequest
	if err := apply(c, m.Args); err != nil {
		return nil, err
	}
	c.Name, c.Dir = name, m.Dir
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{peers}, []url.URL{peers}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{clients}, []url.URL{clients}
	c.InitialCluster = name + "=" + peers.String()
	c.PeerTLSInfo = transport.TLSInfo{CertFile: m.PeerCert, KeyFile: m.PeerKey, TrustedCAFile: m.PeerCA, ClientCertAuth: true}
	c.MaxLearners = maxLearners
	c.EnableGRPCGateway = false
	m.level = zap.NewAtomicLevelAt(zap.ErrorLevel)
	log := logutil.DefaultZapLoggerConfig
	log.Level = m.level
	logger, err := log.Build()
	if err != nil {
		return nil, err
	}
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(logger)
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("--etcd-arg: %w", err)
	}
	return c, nil
}

// await returns when the member answers and has a vote.
func (m *Member) await(ctx context.Context, name string) error {
	return eventually(ctx, startPatience, "etcd has no majority, or this member has not caught up", func() error {
		select {
		case err := <-m.server.Err():
			return err
		case <-m.server.Server.StopNotify():
			return m.removed()
		default:
		}
		ctx, cancel := context.WithTimeout(ctx, requestPatience)
		defer cancel()
		status, err := m.client.Status(ctx, m.url())
		if err != nil {
			return err
		}
		if status.IsLearner {
			if m.Joining == nil {
				return errors.New("this member has no vote, and does not know whom to ask")
			}
			if err := m.Joining.PromoteMember(ctx, name); err != nil {
				return err
			}
		}
		_, err = m.client.Get(ctx, "/")
		return err
	})
}

// eventually tries until it works, and tells why it does not, each reason once in a row.
func eventually(ctx context.Context, patience time.Duration, what string, try func() error) error {
	end := time.Now().Add(patience)
	var reasons loop.Reasons
	for {
		err := try()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, errRemoved):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			return fmt.Errorf("%s: %w", what, err)
		case reasons.IsNew(err):
			fmt.Fprintf(os.Stderr, "k3s: %s yet: %v\n", what, err)
		}
		if !loop.Pause(ctx, pace.retryEvery) {
			return ctx.Err()
		}
	}
}
