// Package datastore gives the API server an etcd to talk to: kine over SQLite, in this process.
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
	"github.com/k3s-io/kine/pkg/server"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
)

const (
	scheme = "unix"
	// maxRequest is etcd's own limit, with room for the envelope.
	maxRequest = 1536<<10 + 512<<10
	// notify is how often a quiet watch is told that it is up to date.
	notify = 5 * time.Second
	// etcdVersion is what kine's protocol is compatible with; the API server asks before it uses a newer feature.
	etcdVersion = "3.6.6"
)

// Listen opens the database in dir, creating it the first time, and serves etcd's protocol on a Unix socket beside it.
// It returns the endpoint for --etcd-servers. The service ends with ctx; SQLite's journal makes a kill harmless.
//
// kine's own endpoint package would do the same, but it links every database that kine knows, and two message brokers.
func Listen(ctx context.Context, dir, endpoint string) (string, error) {
	logrus.SetLevel(logrus.WarnLevel)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot create the datastore's directory: %w", err)
	}
	_, backend, err := sqlite.New(ctx, &sync.WaitGroup{}, &drivers.Config{
		DataSourceName: dataSource(dir, endpoint),
		// Without a poll interval watches stall: zero is not "kine's default" when kine is a library.
		PollInterval:     time.Second,
		PollBatchSize:    500,
		CompactInterval:  5 * time.Minute,
		CompactTimeout:   5 * time.Second,
		CompactMinRetain: 1000,
		CompactBatchSize: 1000,
	})
	if err != nil {
		return "", fmt.Errorf("cannot open the datastore in %s (is the disk full or the file damaged?): %w", dir, err)
	}
	if err := backend.Start(ctx); err != nil {
		return "", fmt.Errorf("cannot start the datastore in %s: %w", dir, err)
	}
	socket := filepath.Join(dir, "kine.sock")
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	s := grpc.NewServer(grpc.MaxConcurrentStreams(math.MaxUint32), grpc.MaxRecvMsgSize(maxRequest), grpc.MaxSendMsgSize(math.MaxInt32))
	server.New(backend, scheme, notify, etcdVersion).Register(s)
	go func() { _ = s.Serve(listener) }()
	context.AfterFunc(ctx, s.Stop)
	return scheme + "://" + socket, os.Chmod(socket, 0o600)
}

// dataSource is SQLite's name for the database. In kine's default mode a commit does not wait for the disk, so a power
// failure may take back the last moments, but never damages the file.
func dataSource(dir, endpoint string) string {
	if dsn, ok := strings.CutPrefix(endpoint, "sqlite://"); ok && dsn != "" {
		return dsn
	}
	return filepath.Join(dir, "state.db") + "?" + sqlite.DefaultParams
}
