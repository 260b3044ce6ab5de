package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"
)

// SaveSnapshot writes all that the datastore has at this moment to a file that is not there yet, with mode 0600, and
// checks it. When it returns, the file is whole and on the disk.
func (m *Member) SaveSnapshot(ctx context.Context, file string) error {
	return save(ctx, m.url(), file)
}

func save(ctx context.Context, url, file string) error {
	cfg := clientv3.Config{Endpoints: []string{url}, DialTimeout: requestPatience, Logger: zap.NewNop()}
	if _, err := snapshot.NewV3(zap.NewNop()).Save(ctx, cfg, file); err != nil {
		return err
	}
	_, err := CheckSnapshot(file)
	return err
}

// CheckSnapshot fails unless the file is a snapshot of etcd, whole and sound. It returns the newest revision in it.
func CheckSnapshot(file string) (revision int64, err error) {
	if err := checkSum(file); err != nil {
		return 0, err
	}
	status, err := snapshot.NewV3(zap.NewNop()).Status(file)
	if err != nil {
		return 0, fmt.Errorf("%s is damaged: %w", file, err)
	}
	return status.Revision, nil
}

// checkSum compares the file with the sum at its end, where etcd puts it.
func checkSum(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	// A database is a multiple of 512 bytes.
	if size := info.Size(); size < 512 || size%512 != sha256.Size {
		return fmt.Errorf("%s is no snapshot of etcd, or not a whole one: it ends without a checksum", file)
	}
	sum := sha256.New()
	if _, err := io.CopyN(sum, f, info.Size()-sha256.Size); err != nil {
		return err
	}
	want, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	if !bytes.Equal(sum.Sum(nil), want) {
		return fmt.Errorf("%s is damaged: its checksum is another one", file)
	}
	return nil
}

// bootstrapPrefix is where servers keep, in the datastore, what they have in common. The API does not reach it.
const bootstrapPrefix = "/bootstrap/"

// Kept are the values that KeepShared has written, by the part of their key that KeepShared was given.
func (m *Member) Kept(ctx context.Context) (map[string][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	got, err := m.client.Get(ctx, bootstrapPrefix, clientv3.WithPrefix())
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, kv := range got.Kvs {
		all[string(kv.Key[len(bootstrapPrefix):])] = kv.Value
	}
	return all, nil
}

// KeepShared keeps a value in the datastore, beside what the API keeps there, so that it is part of every snapshot.
func (m *Member) KeepShared(ctx context.Context, name string, value []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	_, err := m.client.Put(ctx, bootstrapPrefix+name, string(value))
	return err
}

// ForgetShared removes such a value as long as another one is there; otherwise it does nothing, and kept is false.
func (m *Member) ForgetShared(ctx context.Context, keep, name string) (kept bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	r, err := m.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(bootstrapPrefix+keep), ">", 0)).
		Then(clientv3.OpDelete(bootstrapPrefix + name)).Commit()
	if err != nil {
		return false, err
	}
	return r.Succeeded, nil
}
