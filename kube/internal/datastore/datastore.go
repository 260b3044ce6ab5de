// Package datastore gives the API server an etcd to talk to: kine in this process, over SQLite or a database of the
// user's.
package datastore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/k3s-io/kine/pkg/drivers"
	"github.com/k3s-io/kine/pkg/drivers/sqlite"
	"github.com/k3s-io/kine/pkg/logstructured/sqllog"
	"github.com/k3s-io/kine/pkg/server"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

const (
	scheme = "unix"
	// maxRequest is etcd's own limit, with room for the envelope.
	maxRequest = 1536<<10 + 512<<10
	// notify is how often a quiet watch is told that it is up to date. For sixty watches that is a good part of an idle
	// server's work. It lets a client that was away resume from a revision that still exists, and revisions are kept
	// for minutes. A consistent read does not wait for it: the API server then asks.
	notify = 30 * time.Second
	// minPing is etcd's own limit for how often a client may ask whether the server is there.
	minPing = 5 * time.Second
	// etcdVersion is what kine's protocol is compatible with; the API server asks before it uses a newer feature.
	etcdVersion = "3.6.6"
)

// An Endpoint is what an API server needs to know of its datastore.
type Endpoint struct {
	URL string // for --etcd-servers
}

// SQLite is a datastore in a file of this machine.
type SQLite struct {
	Dir string // created if there is none; holds the file and the socket
	// Name is the user's own database, sqlite://FILE?PARAMETERS in kine's spelling, or "" for a file in Dir. The user's
	// parameters decide how durable it is.
	Name string

	more string // further parameters of SQLite's, for tests
}

// Open opens the database, creating it the first time, and serves etcd's protocol on a Unix socket. The service ends
// with ctx. A kill or a power cut at any time is harmless: what was acknowledged is on the disk.
//
// kine's own endpoint package would do the same, but it links every database that kine knows, and two message brokers.
func (s SQLite) Open(ctx context.Context) (Endpoint, error) {
	quiet()
	dir, err := filepath.Abs(s.Dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return Endpoint{}, fmt.Errorf("cannot create its directory: %w", err)
	}
	backend, err := s.backend(ctx, dir)
	if err != nil {
		return Endpoint{}, fmt.Errorf("cannot open the database in %s (is the disk full or the file damaged?): %w",
			dir, err)
	}
	if err := backend.Start(ctx); err != nil {
		return Endpoint{}, fmt.Errorf("cannot start on %s: %w", dir, err)
	}
	socket := filepath.Join(dir, "kine.sock")
	if err := serve(ctx, backend, socket); err != nil {
		return Endpoint{}, fmt.Errorf("cannot serve on %s: %w", socket, err)
	}
	return Endpoint{URL: scheme + "://" + socket}, nil
}

// Exists tells whether there is a database in Dir.
func (s SQLite) Exists() bool {
	_, err := os.Stat(s.file())
	return err == nil
}

func (s SQLite) file() string { return filepath.Join(s.Dir, "state.db") }

func (s SQLite) backend(ctx context.Context, dir string) (server.Backend, error) {
	name, ours := s.dataSource(dir)
	config := kineConfig(name)
	var running sync.WaitGroup
	// A stop meanwhile must not close the database under kine's hands.
	opening, closeDB := context.WithCancel(context.WithoutCancel(ctx))
	_, dialect, err := sqlite.NewVariant(opening, &running, "sqlite3", config)
	context.AfterFunc(ctx, closeDB)
	if err != nil {
		return nil, err
	}
	if ours {
		db, err := open(ctx, "file://"+name)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(ctx, func() { _ = db.Close() })
		_ = dialect.DB.Close() // it has made the tables
		dialect.DB = db
	}
	return newBackend(&writeLog{SQLLog: sqllog.New(dialect, &running, config), hint: "is the disk full or broken"}), nil
}

// quiet keeps kine's own log to what ends the process: with a write that failed it tells the object, be it a Secret.
func quiet() { logrus.SetLevel(logrus.FatalLevel) }

func kineConfig(dataSource string) *drivers.Config {
	return &drivers.Config{
		DataSourceName: dataSource,
		// Without a poll interval watches stall: zero is not "kine's default" when kine is a library.
		PollInterval:     time.Second,
		PollBatchSize:    500,
		CompactInterval:  5 * time.Minute,
		CompactTimeout:   5 * time.Second,
		CompactMinRetain: 1000,
		CompactBatchSize: 1000,
	}
}

func serve(ctx context.Context, backend server.Backend, socket string) error {
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return err
	}
	s := grpc.NewServer(
		// By default a client that asks every half minute whether the server is still there is thrown out for it.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing}),
		grpc.MaxConcurrentStreams(math.MaxUint32), grpc.MaxRecvMsgSize(maxRequest), grpc.MaxSendMsgSize(math.MaxInt32),
	)
	server.New(backend, scheme, notify, etcdVersion).Register(s)
	go func() {
		if err := s.Serve(listener); err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "k3s: the datastore does not answer any more: %v\n", err)
		}
	}()
	context.AfterFunc(ctx, s.Stop)
	return os.Chmod(socket, 0o600)
}

// parameters are SQLite's settings, as its driver for Go spells them. They are kine's own but for synchronous: with
// NORMAL a commit does not wait for the disk, and a power cut takes back the last seconds.
const parameters = "_pragma=busy_timeout(30000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"

// dataSource is kine's name for the database, and whether it is ours to open.
func (s SQLite) dataSource(dir string) (name string, ours bool) {
	if dsn, ok := strings.CutPrefix(s.Name, "sqlite://"); ok && dsn != "" {
		return dsn, false
	}
	return filepath.Join(dir, "state.db") + "?" + parameters + s.more, true
}
