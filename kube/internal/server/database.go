package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"k3os.io/kube/internal/agent"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// sharedKey is where the servers of a database keep what they have in common, beside the objects of the cluster.
const sharedKey = "/bootstrap/servers"

// sharedPatience is for one request about it.
const sharedPatience = 30 * time.Second

// sharedState is that, in one value, so that no server sees a part of it.
type sharedState struct {
	Cluster supervisor.ClusterConfig
	// Authority is the SHA-256, in hex, of the servers' authority: that which tokens tell.
	Authority string
	// Sealed has the keys of all authorities, which the token of servers opens.
	Sealed json.RawMessage
}

// A sharedDatabase is open, and serves until close.
type sharedDatabase struct {
	endpoint datastore.Endpoint
	client   *clientv3.Client // for agree
	close    func()
}

// openDatabase opens the database of the user, and waits for it until ctx ends.
func openDatabase(ctx context.Context, cfg config.Server) (*sharedDatabase, error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, stop)
	endpoint, err := datastore.External{
		Dir: cfg.ServerDir("db"), Endpoint: cfg.DatastoreEndpoint,
		CAFile: cfg.DatastoreCAFile, CertFile: cfg.DatastoreCertFile, KeyFile: cfg.DatastoreKeyFile,
		Tell: agent.TellJoining,
	}.Open(serving)
	opened()
	agent.HaveJoined()
	if err != nil {
		stop()
		return nil, fmt.Errorf("--datastore-endpoint: %w", err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint.URL}, Logger: zap.NewNop()})
	if err != nil {
		stop()
		return nil, err
	}
	return &sharedDatabase{endpoint, client, stop}, nil
}

// Open is Datastore's: it is open already, and closes when ctx ends.
func (d *sharedDatabase) Open(ctx context.Context) (datastore.Endpoint, error) {
	context.AfterFunc(ctx, d.close)
	return d.endpoint, nil
}

// agree makes this machine one of the servers of the database. The first one begins a cluster with authorities of its
// own; any other one takes those, by the token alone, and of cfg what the user has left open. joined tells that this
// one did not begin the cluster.
func (d *sharedDatabase) agree(ctx context.Context, cfg *config.Server, host hostFacts) (store *pki.Store, joined bool, err error) {
	for {
		state, revision, err := d.read(ctx)
		if err != nil {
			return nil, false, err
		}
		if state != nil {
			return d.join(ctx, cfg, host, *state, revision)
		}
		store, began, err := d.begin(ctx, *cfg, host)
		if err != nil || began {
			return store, false, err
		}
		// Another server has begun at the same time, and was faster.
	}
}

// begin fails to begin, which is no error, if there is a cluster meanwhile.
func (d *sharedDatabase) begin(ctx context.Context, cfg config.Server, host hostFacts) (*pki.Store, bool, error) {
	_, err := os.Stat(cfg.ServerDir("tls", pki.ServerCA+".crt"))
	isNew := errors.Is(err, os.ErrNotExist)
	if (datastore.SQLite{Dir: cfg.ServerDir("db")}).Exists() {
		fmt.Fprintf(os.Stderr, "k3s: warning: the objects in %s stay there: the database begins without them\n", cfg.ServerDir("db"))
	}
	store, err := newStore(cfg, host)
	if err != nil {
		return nil, false, err
	}
	if _, err := (ownCredentials{cfg, store}).Ensure(); err != nil {
		return nil, false, err
	}
	bootstrap, err := store.Bootstrap()
	if err != nil {
		return nil, false, err
	}
	secret, err := secretIn(cfg.ServerDir("token"))
	if err != nil {
		return nil, false, err
	}
	sealed, err := bootstrap.Seal(secret)
	if err != nil {
		return nil, false, err
	}
	began, err := d.write(ctx, sharedState{clusterConfig(cfg), token.HashOf(bootstrap.Authority()), sealed}, 0)
	if err == nil && !began && isNew {
		err = os.RemoveAll(cfg.ServerDir("tls")) // nobody has seen these authorities
	}
	return store, began, err
}

func (d *sharedDatabase) join(
	ctx context.Context, cfg *config.Server, host hostFacts, state sharedState, revision int64,
) (store *pki.Store, joined bool, err error) {
	own, err := os.ReadFile(cfg.ServerDir("tls", pki.ServerCA+".crt"))
	isNew := errors.Is(err, os.ErrNotExist)
	if err != nil && !isNew {
		return nil, false, err
	}
	_, err = os.Stat(cfg.ServerDir(clusterFile))
	joined = isNew || err == nil
	if isNew {
		if err := pki.KeepTokenChanges(cfg.ServerDir(), nil); err != nil {
			return nil, false, err
		}
	}
	isKnown := false
	if joined {
		cluster := state.Cluster
		if !isNew {
			cluster = sinceJoined(*cfg, cluster)
			for _, part := range differingParts(cluster.DisabledParts, state.Cluster.DisabledParts) {
				fmt.Fprintf(os.Stderr, "k3s: warning: %s is not the same here and on the server that began the cluster: give it"+
					" to all servers, or to none\n", part.command())
			}
		}
		if err := adopt(cfg, cluster); err != nil {
			return nil, false, err
		}
		if !isNew { // or what is there is of another cluster
			if isKnown, err = adoptKeptAgentToken(cfg); err != nil {
				return nil, false, err
			}
		}
	}
	if store, err = newStore(*cfg, host); err != nil {
		return nil, false, err
	}
	// To open what is sealed takes a while, on purpose.
	if isNew || token.HashOf(own) != state.Authority || !sameSecret(*cfg) {
		bootstrap, err := open(*cfg, state)
		if err != nil {
			return nil, false, err
		}
		if joined && !isKnown {
			if err := adoptAgentToken(cfg, bootstrap.AgentToken()); err != nil {
				return nil, false, err
			}
		}
		// Before the authorities: who has those, and not this, is the one who began.
		if joined {
			if err := keepCluster(*cfg, state.Cluster); err != nil {
				return nil, false, err
			}
		}
		if err := store.KeepBootstrap(bootstrap); err != nil {
			return nil, false, err
		}
	} else if joined {
		if err := keepCluster(*cfg, state.Cluster); err != nil {
			return nil, false, err
		}
	}
	if joined {
		return store, true, nil
	}
	// Who began the cluster says what it is like.
	now, err := json.Marshal(clusterConfig(*cfg))
	if err != nil {
		return nil, false, err
	}
	if before, err := json.Marshal(state.Cluster); err != nil || bytes.Equal(now, before) {
		return store, false, err
	}
	state.Cluster = clusterConfig(*cfg)
	_, err = d.write(ctx, state, revision)
	return store, false, err
}

// keepCluster says that this machine has what the servers have in common.
func keepCluster(cfg config.Server, cluster supervisor.ClusterConfig) error {
	b, err := json.Marshal(cluster)
	if err != nil {
		return err
	}
	return files.Write(cfg.ServerDir(clusterFile), append(b, '\n'), 0o600)
}

// open opens what is sealed with the token.
func open(cfg config.Server, state sharedState) (pki.Bootstrap, error) {
	secret, err := givenSecret(cfg)
	if err != nil {
		return nil, err
	}
	bootstrap, err := pki.OpenBootstrap(state.Sealed, secret)
	if errors.Is(err, pki.ErrOtherToken) {
		return nil, fmt.Errorf("--token is not that of the cluster in this database: copy it from %s of one of its servers, or name"+
			" an empty database", cfg.ServerDir("token"))
	}
	return bootstrap, err
}

// read returns nil if no server has begun.
func (d *sharedDatabase) read(ctx context.Context) (state *sharedState, revision int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, sharedPatience)
	defer cancel()
	r, err := d.client.Get(ctx, sharedKey)
	if err != nil {
		return nil, 0, fmt.Errorf("the database cannot be read: %w", err)
	}
	if len(r.Kvs) == 0 {
		return nil, 0, nil
	}
	state = &sharedState{}
	if err := readCluster(r.Kvs[0].Value, state, &state.Cluster); err != nil {
		return nil, 0, fmt.Errorf("%s in the database is not what a server has written: %w", sharedKey, err)
	}
	return state, r.Kvs[0].ModRevision, nil
}

// write does nothing if the revision is not the one that was read; 0 is that of what is not there.
func (d *sharedDatabase) write(ctx context.Context, state sharedState, revision int64) (written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sharedPatience)
	defer cancel()
	b, err := json.Marshal(state)
	if err != nil {
		return false, err
	}
	txn := d.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(sharedKey), "=", revision)).
		Then(clientv3.OpPut(sharedKey, string(b)))
	if revision > 0 {
		txn = txn.Else(clientv3.OpGet(sharedKey)) // as kine expects of an update
	}
	r, err := txn.Commit()
	if err != nil {
		return false, fmt.Errorf("the database cannot be written: %w", err)
	}
	return r.Succeeded, nil
}

// givenSecret is that of --token, if that counts, or of an earlier start.
func givenSecret(cfg config.Server) (string, error) {
	if cfg.Token != "" && !pki.IsRetired(cfg.ServerDir(), cfg.Token) {
		t, err := token.Parse(cfg.Token)
		if err == nil && t.User == token.Node {
			err = errors.New("--token: it is one of agents: a server needs the one in server/token of another server")
		}
		return t.Secret, err
	}
	secret, err := secretIn(cfg.ServerDir("token"))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("--token (K3S_TOKEN) is missing: there is a cluster in the database, and %s of one of its servers"+
			" opens it", cfg.ServerDir("token"))
	}
	return secret, err
}

// sameSecret tells whether --token, if it is given, has the secret of the last start.
func sameSecret(cfg config.Server) bool {
	last, err := secretIn(cfg.ServerDir("token"))
	if err != nil {
		return false
	}
	given, err := givenSecret(cfg)
	return err == nil && given == last
}

func secretIn(file string) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	t, err := token.Parse(strings.TrimSpace(string(b)))
	return t.Secret, err
}
