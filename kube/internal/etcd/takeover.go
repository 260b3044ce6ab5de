package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"k3os.io/kube/internal/files"
)

// takenOver is a file in the directory of a member that began with the objects of another datastore, as a whole.
const takenOver = "migrated"

// A tally is what must be equal in two datastores. Its sum does not depend on the order.
type tally struct {
	Objects int
	Sum     [sha256.Size]byte
}

func (t *tally) add(key, value []byte) {
	h := sha256.New()
	_ = binary.Write(h, binary.BigEndian, uint64(len(key))) // never fails
	h.Write(key)
	h.Write(value)
	for i, b := range h.Sum(nil) {
		t.Sum[i] ^= b
	}
	t.Objects++
}

// HasTakenOver tells whether the member in Dir began with the objects of another datastore, and has all of them.
func (m *Member) HasTakenOver() bool {
	_, err := os.Stat(filepath.Join(m.Dir, takenOver))
	return err == nil && Exists(m.Dir)
}

// TakeOver makes this machine the only member of a new etcd with the objects of another datastore, which nobody else
// uses. Its revisions are later than those, so that clients that have seen them begin anew. There is no member before,
// and a whole one after it; HasTakenOver says so. It returns how many objects there are.
func (m *Member) TakeOver(ctx context.Context, from string) (objects int, err error) {
	if Exists(m.Dir) {
		return 0, fmt.Errorf("%s is a member of etcd already", m.Dir)
	}
	work, err := m.scratch("migrate")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(work)
	source, err := clientv3.New(clientv3.Config{Endpoints: []string{from}, DialTimeout: requestPatience, Logger: zap.NewNop()})
	if err != nil {
		return 0, err
	}
	defer source.Close()
	now, err := source.Get(ctx, "/", clientv3.WithRange("0"), clientv3.WithLimit(1))
	if err != nil {
		return 0, err
	}
	revision := now.Header.Revision

	// Revisions only grow by writes, or by a restore.
	none := func(*embed.Config) {}
	empty := filepath.Join(work, "empty.snapshot")
	err = m.alone(ctx, filepath.Join(work, "empty"), none, func(_ *clientv3.Client, url string) error {
		return save(ctx, url, empty)
	})
	if err != nil {
		return 0, err
	}
	fresh := filepath.Join(work, "fresh")
	name, err := m.restoreInto(fresh, empty, uint64(revision+margin))
	if err != nil {
		return 0, err
	}
	var copied tally
	err = m.edit(ctx, fresh, name, func(to *clientv3.Client) (err error) {
		copied, err = copyAll(ctx, source, to, revision)
		return err
	})
	if err != nil {
		return 0, err
	}
	note, err := json.Marshal(struct {
		Objects      int
		FromRevision int64
	}{copied.Objects, revision})
	if err != nil {
		return 0, err
	}
	if err := files.Write(filepath.Join(fresh, takenOver), append(note, '\n'), 0o600); err != nil {
		return 0, err
	}
	_, err = m.replace(fresh)
	return copied.Objects, err
}

// margin keeps the next revision that a client waits for from being one that there is.
const margin = 1000

// What is written in one transaction: etcd takes 128 operations, and maxRequest bytes.
const (
	pageObjects = 100
	pageBytes   = 1 << 20
)

// copyAll copies what the source has at a revision, reads it back and compares.
func copyAll(ctx context.Context, from, to *clientv3.Client, revision int64) (tally, error) {
	w := writer{to: to, leases: map[int64]clientv3.LeaseID{}}
	read, err := each(ctx, from, revision, func(kv *mvccpb.KeyValue) error { return w.write(ctx, kv) })
	if err == nil {
		err = w.flush(ctx)
	}
	if err != nil {
		return read, err
	}
	written, err := each(ctx, to, 0, func(*mvccpb.KeyValue) error { return nil })
	if err == nil && written != read {
		err = fmt.Errorf("%d objects were read and %d others are there: the disk or the memory of this machine is not sound",
			read.Objects, written.Objects)
	}
	return read, err
}

// each calls do with every object, and counts them.
func each(ctx context.Context, from *clientv3.Client, revision int64, do func(*mvccpb.KeyValue) error) (all tally, err error) {
	for key := "/"; ; {
		page, err := from.Get(ctx, key, clientv3.WithRange("0"), clientv3.WithLimit(pageObjects), clientv3.WithRev(revision))
		if err != nil {
			return all, err
		}
		for _, kv := range page.Kvs {
			all.add(kv.Key, kv.Value)
			if err := do(kv); err != nil {
				return all, err
			}
			key = string(kv.Key) + "\x00"
		}
		if revision == 0 {
			revision = page.Header.Revision
		}
		if !page.More {
			return all, nil
		}
	}
}

// A writer writes objects, several at a time.
type writer struct {
	to    *clientv3.Client
	ops   []clientv3.Op
	bytes int
	// leases are by their seconds, which kine has where etcd has the lease. Objects live their whole time anew.
	leases map[int64]clientv3.LeaseID
}

func (w *writer) write(ctx context.Context, kv *mvccpb.KeyValue) error {
	var options []clientv3.OpOption
	if seconds := kv.Lease; seconds > 0 {
		id, ok := w.leases[seconds]
		if !ok {
			granted, err := w.to.Grant(ctx, seconds)
			if err != nil {
				return err
			}
			id = granted.ID
			w.leases[seconds] = id
		}
		options = append(options, clientv3.WithLease(id))
	}
	size := len(kv.Key) + len(kv.Value)
	if len(w.ops) == pageObjects || w.bytes+size > pageBytes {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.ops = append(w.ops, clientv3.OpPut(string(kv.Key), string(kv.Value), options...))
	w.bytes += size
	return nil
}

func (w *writer) flush(ctx context.Context) error {
	if len(w.ops) == 0 {
		return nil
	}
	_, err := w.to.Txn(ctx).Then(w.ops...).Commit()
	w.ops, w.bytes = nil, 0
	return err
}
