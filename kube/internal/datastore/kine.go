package datastore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/k3s-io/kine/pkg/logstructured"
	"github.com/k3s-io/kine/pkg/logstructured/sqllog"
	"github.com/k3s-io/kine/pkg/server"
)

// newBackend is kine's, but for what it makes of a write that failed and of writes that end at the same time.
func newBackend(log *writeLog) server.Backend { return backend{logstructured.New(log)} }

// A backend answers a write that failed with its error. kine only looks whether the key is there, and takes a create
// whose key is not there for one that was done.
type backend struct{ server.Backend }

type failureKey struct{}

// noticing returns a context in which an append leaves its error in failure.
func noticing(ctx context.Context) (_ context.Context, failure *error) {
	failure = new(error)
	return context.WithValue(ctx, failureKey{}, failure), failure
}

func (b backend) Create(ctx context.Context, key string, value []byte, lease int64) (int64, error) {
	ctx, failure := noticing(ctx)
	rev, err := b.Backend.Create(ctx, key, value, lease)
	if *failure != nil {
		return 0, *failure
	}
	return rev, err
}

func (b backend) Update(
	ctx context.Context, key string, value []byte, revision, lease int64,
) (int64, *server.KeyValue, bool, error) {
	ctx, failure := noticing(ctx)
	rev, kv, done, err := b.Backend.Update(ctx, key, value, revision, lease)
	if *failure != nil {
		return 0, nil, false, *failure
	}
	return rev, kv, done, err
}

func (b backend) Delete(ctx context.Context, key string, revision int64) (int64, *server.KeyValue, bool, error) {
	ctx, failure := noticing(ctx)
	rev, kv, done, err := b.Backend.Delete(ctx, key, revision)
	if *failure != nil {
		return 0, nil, false, *failure
	}
	return rev, kv, done, err
}

// A writeLog tells of writes that fail, and knows the newest revision.
type writeLog struct {
	*sqllog.SQLLog
	// again tells whether a write was only in another one's way, and is to be tried again; nil if none is.
	again   func(error) bool
	hint    string // asks for the usual reason of a write that fails
	newest  atomic.Int64
	failing atomic.Bool
}

// writeTries is how often a write is tried that meets others.
const writeTries = 10

// Append returns the revision of a row that is on the disk, or an error.
func (l *writeLog) Append(ctx context.Context, event *server.Event) (int64, error) {
	rev, err := l.SQLLog.Append(ctx, event)
	for try := 1; try < writeTries && err != nil && l.again != nil && l.again(err); try++ {
		rev, err = l.SQLLog.Append(ctx, event)
	}
	switch {
	case err == nil:
		for old := l.newest.Load(); rev > old && !l.newest.CompareAndSwap(old, rev); old = l.newest.Load() {
		}
		if l.failing.Swap(false) {
			fmt.Fprintln(os.Stderr, "k3s: the datastore can be written again")
		}
	case !errors.Is(err, server.ErrKeyExists):
		if failure, ok := ctx.Value(failureKey{}).(*error); ok {
			*failure = err
		}
		if ctx.Err() == nil && !l.failing.Swap(true) {
			fmt.Fprintf(os.Stderr, "k3s: cannot write to the datastore (%s?): %v\n", l.hint, lastCause(err))
		}
	}
	return rev, err
}

// CurrentRevision is that of the newest row. kine's own stays behind when two writes end at once, until the next one; a
// read that has to be consistent then waits for a watch to catch up with what it was told already.
func (l *writeLog) CurrentRevision(ctx context.Context) (int64, error) {
	rev, err := l.SQLLog.CurrentRevision(ctx)
	return max(rev, l.newest.Load()), err
}
