package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/metrics/legacyregistry"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/datastore"
	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/files"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

// rereadEncryption is how often the API server looks at its keys. Upstream's minute would make a change take four.
const rereadEncryption = 5 * time.Second

// loadPatience is how long the API server is given to go by other keys.
const loadPatience = time.Minute

// secretsEncryption is how this server's API server encrypts Secrets, and what is being done about it.
type secretsEncryption struct {
	file string

	// When the API is ready.
	ctx       context.Context // ends with the API's clients
	client    kubernetes.Interface
	datastore *clientv3.Client

	mu       sync.Mutex // of the file
	progress progress
}

// checkEncryption compares the keys of the cluster, nil if it has none, with what the user has given.
func checkEncryption(cfg config.Server, ofTheOthers []byte) error {
	if ofTheOthers == nil {
		if cfg.SecretsEncryption {
			return errors.New("--secrets-encryption is given here, and the servers of the cluster do not have it: leave it out, or" +
				" restart them with it first")
		}
		return nil
	}
	c, err := encryption.Parse(ofTheOthers)
	if err != nil {
		return fmt.Errorf("the servers of the cluster give keys for Secrets that this build does not know: %w", err)
	}
	if err := checkProvider(cfg, c, "the servers of the cluster have"); err != nil {
		return err
	}
	if cfg.Given("secrets-encryption") && !cfg.SecretsEncryption {
		return errors.New("--secrets-encryption is false here, and the servers of the cluster have it: leave it out, and it is taken over")
	}
	return nil
}

func checkProvider(cfg config.Server, c encryption.Config, who string) error {
	if cfg.Given("secrets-encryption-provider") && cfg.SecretsEncryptionProvider != c.Provider {
		return fmt.Errorf("--secrets-encryption-provider is %s here, and %s %s: set it to that, or leave it out", cfg.SecretsEncryptionProvider, who, c.Provider)
	}
	return nil
}

// newEncryption makes the first key of a cluster, if it is asked for. Where objects may be there already, it is not
// written with before `k3s secrets-encrypt enable` has told it to all servers.
func newEncryption(cfg config.Server, found foundDatastore) (*secretsEncryption, error) {
	e := &secretsEncryption{file: pki.EncryptionFile(cfg.ServerDir())}
	content, err := os.ReadFile(e.file)
	switch {
	case err == nil:
		c, err := encryption.Parse(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; put it back as it was, since Secrets are read with it", e.file, err)
		}
		return e, checkProvider(cfg, c, e.file+" has")
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	case !cfg.SecretsEncryption:
		return nil, nil
	}
	isNew := !found.joined && cfg.DatastoreEndpoint == "" && !etcd.Exists(etcdDir(cfg)) &&
		!(datastore.SQLite{Dir: cfg.ServerDir("db")}).Exists()
	content, err = encryption.New(cfg.SecretsEncryptionProvider, isNew).Marshal()
	if err != nil {
		return nil, err
	}
	return e, files.Write(e.file, content, 0o600)
}

func (e *secretsEncryption) begin(ctx context.Context, client kubernetes.Interface, datastore string) (err error) {
	e.ctx, e.client = ctx, client
	e.datastore, err = clientv3.New(clientv3.Config{Endpoints: []string{datastore}, Logger: zap.NewNop()})
	if err == nil {
		context.AfterFunc(ctx, func() { _ = e.datastore.Close() })
	}
	return err
}

func (e *secretsEncryption) config() (encryption.Config, []byte, error) {
	content, err := os.ReadFile(e.file)
	if err != nil {
		return encryption.Config{}, nil, err
	}
	c, err := encryption.Parse(content)
	return c, content, err
}

// apply replaces the keys, and returns when the API server goes by them. It is refused if the keys are not those that
// whoever asks believes: then somebody else changes them, too.
func (e *secretsEncryption) apply(ctx context.Context, keys supervisor.EncryptionKeys) error {
	if _, err := encryption.Parse(keys.To); err != nil {
		return &supervisor.Refusal{Reason: fmt.Sprintf("the keys for Secrets: %v", err)}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_, have, err := e.config()
	if err != nil {
		return err
	}
	if !bytes.Equal(have, keys.From) && !bytes.Equal(have, keys.To) {
		return &supervisor.Refusal{Reason: "the keys for Secrets were changed by another request meanwhile: see `k3s secrets-encrypt" +
			" status` on all servers, and try again"}
	}
	if err := files.Write(e.file, keys.To, 0o600); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, loadPatience)
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, 500*time.Millisecond, true, func(context.Context) (bool, error) {
		want, err := encryptionconfig.GetEncryptionConfigHash(e.file)
		if err != nil {
			return false, err
		}
		loaded, err := loadedEncryption()
		return loaded == want, err
	})
	if err != nil {
		return fmt.Errorf("the API server does not go by the keys in %s: %w", filepath.Base(e.file), err)
	}
	return nil
}

// loadedEncryption is the hash of the configuration that the API server of this process goes by.
func loadedEncryption() (string, error) {
	families, err := legacyregistry.DefaultGatherer.Gather()
	if err != nil {
		return "", err
	}
	for _, family := range families {
		if family.GetName() != "apiserver_encryption_config_controller_last_config_info" {
			continue
		}
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "hash" {
					return label.GetValue(), nil
				}
			}
		}
	}
	return "", nil
}
