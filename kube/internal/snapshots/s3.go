package snapshots

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"k3os.io/kube/internal/config"
)

// A bucket is a place of snapshots in S3. None of its errors has a key.
type bucket struct {
	config.S3
	client *minio.Client
}

func openBucket(c config.S3) (*bucket, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: c.SkipSSLVerify}
	if c.EndpointCA != "" {
		pem, err := os.ReadFile(c.EndpointCA)
		if err != nil {
			return nil, fmt.Errorf("--etcd-s3-endpoint-ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--etcd-s3-endpoint-ca: expected certificates in PEM in %s", c.EndpointCA)
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, errors.New("--etcd-s3-proxy: expected a URL") // the error would have its password
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	keys := credentials.NewStaticV4(c.AccessKey, c.SecretKey, c.SessionToken)
	if c.AccessKey == "" {
		keys = credentials.NewIAM("")
	}
	lookup := map[string]minio.BucketLookupType{"dns": minio.BucketLookupDNS, "path": minio.BucketLookupPath}
	client, err := minio.New(c.Endpoint, &minio.Options{
		Creds: keys, Secure: !c.Insecure, Region: c.Region, BucketLookup: lookup[c.BucketLookup], Transport: transport, MaxRetries: 3,
	})
	if err != nil {
		return nil, fmt.Errorf("--etcd-s3-endpoint: %w", err)
	}
	return &bucket{c, client}, nil
}

func (b *bucket) key(name string) string { return path.Join(b.Folder, name) }

// explain tells where something went wrong.
func (b *bucket) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("S3 at %s, bucket %s: %w", b.Endpoint, b.Bucket, err)
}

func (b *bucket) upload(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	_, err := b.client.FPutObject(ctx, b.Bucket, b.key(filepath.Base(file)), file,
		minio.PutObjectOptions{ContentType: "application/octet-stream", NumThreads: 1})
	return b.explain(err)
}

// download writes a file that only root reads.
func (b *bucket) download(ctx context.Context, name, file string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	return b.explain(b.client.FGetObject(ctx, b.Bucket, b.key(name), file, minio.GetObjectOptions{}))
}

// list returns the snapshots of all servers, the oldest first.
func (b *bucket) list(ctx context.Context) (all []Snapshot, err error) {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	prefix := b.key("")
	if prefix != "" {
		prefix += "/"
	}
	for object := range b.client.ListObjects(ctx, b.Bucket, minio.ListObjectsOptions{Prefix: prefix}) {
		if object.Err != nil {
			return nil, b.explain(object.Err)
		}
		name := strings.TrimPrefix(object.Key, prefix)
		if at, ok := savedAt(name); ok {
			location := "s3://" + b.Bucket + "/" + object.Key
			all = append(all, Snapshot{Name: name, Node: "s3", Location: location, Size: object.Size, Created: at})
		}
	}
	sortByAge(all)
	return all, nil
}

func (b *bucket) remove(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, b.Timeout)
	defer cancel()
	return b.explain(b.client.RemoveObject(ctx, b.Bucket, b.key(name), minio.RemoveObjectOptions{}))
}

// prune deletes the oldest ones of a kind, and notes them.
func (b *bucket) prune(ctx context.Context, prefix string, result *Result) error {
	all, err := b.list(ctx)
	if err != nil {
		return err
	}
	for _, s := range superfluous(all, prefix, b.Retention) {
		if err := b.remove(ctx, s.Name); err != nil {
			return err
		}
		result.add([]string{s.Name})
	}
	return nil
}

// Fetch downloads a snapshot by its name to a directory, and returns the file.
func Fetch(ctx context.Context, c config.S3, name, dir string) (string, error) {
	if _, ok := savedAt(name); !ok || filepath.Base(name) != name {
		return "", fmt.Errorf("expected the name of a snapshot in S3, got %q", name)
	}
	b, err := openBucket(c)
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, name)
	return file, b.download(ctx, name, file)
}
