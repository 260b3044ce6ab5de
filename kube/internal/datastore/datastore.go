// Package datastore gives the API server an etcd to talk to: kine over SQLite, in this process.
package datastore

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "github.com/k3s-io/kine/pkg/drivers/sqlite" // registers the driver
	"github.com/k3s-io/kine/pkg/endpoint"
	"github.com/sirupsen/logrus"
)

// Listen opens the database in dir, creating it the first time, and serves etcd's protocol on a Unix socket beside it.
// It returns the endpoint for --etcd-servers. The service ends with ctx; SQLite's journal makes a kill harmless.
func Listen(ctx context.Context, dir, endpointURL string) (string, error) {
	logrus.SetLevel(logrus.WarnLevel)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("cannot create the datastore's directory: %w", err)
	}
	if endpointURL == "" || endpointURL == "sqlite" {
		// _txlock=immediate is kine's own default: a writer queues instead of failing.
		endpointURL = "sqlite://" + filepath.Join(dir, "state.db") +
			"?_journal=WAL&cache=shared&_busy_timeout=30000&_txlock=immediate"
	}
	socket := filepath.Join(dir, "kine.sock")
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	_, err := endpoint.Listen(ctx, endpoint.Config{
		Listener: "unix://" + socket,
		Endpoint: endpointURL,
		// Without a poll interval watches stall: zero is not "kine's default" when kine is a library.
		PollInterval:        time.Second,
		PollBatchSize:       500,
		NotifyInterval:      5 * time.Second,
		EmulatedETCDVersion: "3.6.6",
		CompactInterval:     5 * time.Minute,
		CompactTimeout:      5 * time.Second,
		CompactMinRetain:    1000,
		CompactBatchSize:    1000,
	})
	if err != nil {
		return "", fmt.Errorf("cannot open the datastore in %s (is the disk full or the file damaged?): %w", dir, err)
	}
	return "unix://" + socket, nil
}
