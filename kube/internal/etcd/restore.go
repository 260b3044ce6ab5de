package etcd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/mvcc"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"k3os.io/kube/internal/files"
)

// bump is what a restore adds to the newest revision of a snapshot, as etcd's manual advises. Clients that have seen
// later revisions would otherwise wait for them to come, or take old objects for new ones.
const bump = 1_000_000_000

// SharedInSnapshot are the values of KeepShared in a snapshot. It reads the file and nothing else.
func SharedInSnapshot(file string) (map[string][]byte, error) {
	db, err := bolt.Open(file, 0o400, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("%s is no snapshot of etcd: %w", file, err)
	}
	defer db.Close()
	all := map[string][]byte{}
	err = db.View(func(tx *bolt.Tx) error {
		keys := tx.Bucket(schema.Key.Name())
		if keys == nil {
			return fmt.Errorf("%s is no snapshot of etcd: it has no keys", file)
		}
		// Revisions come in their order, so the last one counts.
		return keys.ForEach(func(revision, value []byte) error {
			var kv mvccpb.KeyValue
			if err := proto.Unmarshal(value, &kv); err != nil {
				return fmt.Errorf("%s is damaged: %w", file, err)
			}
			name, ok := cutPrefix(kv.Key)
			switch {
			case !ok:
			case mvcc.IsTombstone(revision):
				delete(all, name)
			default:
				all[name] = kv.Value
			}
			return nil
		})
	})
	return all, err
}

func cutPrefix(key []byte) (string, bool) {
	if len(key) > len(bootstrapPrefix) && string(key[:len(bootstrapPrefix)]) == bootstrapPrefix {
		return string(key[len(bootstrapPrefix):]), true
	}
	return "", false
}

// Restore makes this machine the only member of a new etcd that has what the snapshot has. A member that is there
// already is set aside, as a whole: oldDir is where it is then, or "". At any moment there is the old one or the new
// one in Dir; after an error it is the old one, unless oldDir is told. It has no objects of the keys in without.
func (m *Member) Restore(ctx context.Context, file string, without ...string) (oldDir string, err error) {
	fresh, err := m.scratch("restore")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	name, err := m.restoreInto(fresh, file, bump)
	if err != nil {
		return "", err
	}
	err = m.edit(ctx, fresh, name, func(c *clientv3.Client) error {
		for _, key := range without {
			if _, err := c.Delete(ctx, key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("what %s has cannot be changed: %w", file, err)
	}
	return m.replace(fresh)
}

// edit changes what a member in dir has, which nobody runs, and puts it on the disk.
func (m *Member) edit(ctx context.Context, dir, name string, do func(*clientv3.Client) error) error {
	named := func(c *embed.Config) { c.Name = name }
	err := m.alone(ctx, dir, named, func(c *clientv3.Client, _ string) error { return do(c) })
	if err != nil {
		return err
	}
	for _, socket := range []string{"peer.sock", "client.sock"} {
		_ = os.Remove(filepath.Join(dir, socket))
	}
	return syncTree(dir)
}

// Reset is Restore of what this member has itself, without the others.
func (m *Member) Reset(ctx context.Context, without ...string) (oldDir string, err error) {
	work, err := m.scratch("reset")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	// What is in the log and not in the database yet is only found by a member that starts, which writes.
	copied := filepath.Join(work, "copy")
	if err := os.CopyFS(filepath.Join(copied, "member"), os.DirFS(filepath.Join(m.Dir, "member"))); err != nil {
		return "", fmt.Errorf("cannot copy %s, which is to stay as it is (is the disk full?): %w", m.Dir, err)
	}
	file := filepath.Join(work, "snapshot")
	err = m.alone(ctx, copied, func(c *embed.Config) { c.ForceNewCluster = true }, func(_ *clientv3.Client, url string) error {
		return save(ctx, url, file)
	})
	if err != nil {
		return "", fmt.Errorf("what is in %s cannot be read: %w", m.Dir, err)
	}
	return m.Restore(ctx, file, without...)
}

// scratch is an empty directory beside Dir, of one name for each purpose, so that nothing is left of a try before.
func (m *Member) scratch(purpose string) (string, error) {
	dir := m.Dir + "." + purpose
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// restoreInto makes dir the directory of a new member, whose name it returns; there is none yet.
func (m *Member) restoreInto(dir, file string, bump uint64) (name string, err error) {
	fresh := *m
	fresh.Dir = dir
	if name, err = fresh.name(); err != nil {
		return "", err
	}
	wal.SegmentSizeBytes = segmentBytes
	peer := m.peerURL()
	// etcd wants an empty directory, and the name is there already.
	inside := filepath.Join(dir, "new")
	err = snapshot.NewV3(zap.NewNop()).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, Name: name, OutputDataDir: inside, PeerURLs: []string{peer.String()},
		InitialCluster: name + "=" + peer.String(), InitialClusterToken: name, // the old members are no part of it
		RevisionBump: bump, MarkCompacted: true,
	})
	if err != nil {
		return "", fmt.Errorf("%s cannot be restored: %w", file, err)
	}
	if err := os.Rename(filepath.Join(inside, "member"), filepath.Join(dir, "member")); err != nil {
		return "", err
	}
	if err := os.Remove(inside); err != nil {
		return "", err
	}
	return name, syncTree(dir)
}

// replace puts a directory in the place of Dir, in one step.
func (m *Member) replace(fresh string) (oldDir string, err error) {
	parent := filepath.Dir(m.Dir)
	if _, err := os.Lstat(m.Dir); errors.Is(err, os.ErrNotExist) {
		if err := os.Rename(fresh, m.Dir); err != nil {
			return "", err
		}
		return "", files.SyncDir(parent)
	}
	oldDir = fmt.Sprintf("%s-old-%d", m.Dir, time.Now().Unix())
	for {
		if _, err := os.Lstat(oldDir); errors.Is(err, os.ErrNotExist) {
			break
		}
		oldDir += "-1"
	}
	if err := unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, m.Dir, unix.RENAME_EXCHANGE); err != nil {
		return "", fmt.Errorf("cannot exchange %s and %s: %w", fresh, m.Dir, err)
	}
	if err := os.Rename(fresh, oldDir); err != nil {
		// Or the old one would be removed as what is left of this try.
		return "", errors.Join(err, unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, m.Dir, unix.RENAME_EXCHANGE))
	}
	return oldDir, files.SyncDir(parent)
}

// alone runs etcd on a directory as its only member, reached by nobody else, as long as do runs.
func (m *Member) alone(ctx context.Context, dir string, with func(*embed.Config), do func(*clientv3.Client, string) error) error {
	wal.SegmentSizeBytes = segmentBytes
	quota, err := m.quota()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	unixURL := func(name string) url.URL { return url.URL{Scheme: "unix", Path: filepath.Join(dir, name)} }
	c := embed.NewConfig()
	c.Name, c.Dir = "alone", dir
	// Of what is listened at for peers, etcd takes the host alone. Without one it is a socket without a file, which
	// anybody may connect to, and which etcd never closes where the working directory is read-only.
	c.ListenPeerUrls = []url.URL{{Scheme: "unix", Host: filepath.Join(dir, "peer.sock")}}
	c.AdvertisePeerUrls = []url.URL{unixURL("peer.sock")}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{unixURL("client.sock")}, []url.URL{unixURL("client.sock")}
	c.InitialCluster = c.Name + "=" + c.AdvertisePeerUrls[0].String()
	c.TickMs, c.ElectionMs = 50, 500 // there is nobody to wait for
	c.QuotaBackendBytes, c.MaxRequestBytes, c.EnableGRPCGateway = quota, maxRequest, false
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	with(c)
	server, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	defer server.Close()
	select {
	case <-server.Server.ReadyNotify():
	case err := <-server.Err():
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	at := c.ListenClientUrls[0].String()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{at}, DialTimeout: requestPatience, Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	defer client.Close()
	return do(client, at)
}

// syncTree puts all that is in a directory on the disk.
func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return files.SyncDir(path) // works for files as well
	})
}
