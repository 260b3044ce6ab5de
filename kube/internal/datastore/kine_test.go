package datastore

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// put writes as the API server does: if the key's revision is the one that it knows.
func put(ctx context.Context, client *clientv3.Client, key, value string, known int64) (*clientv3.TxnResponse, error) {
	txn := client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(key), "=", known)).Then(clientv3.OpPut(key, value))
	if known > 0 {
		txn = txn.Else(clientv3.OpGet(key))
	}
	return txn.Commit()
}

func TestAWriteThatFailsIsNeitherDoneNorAConflict(t *testing.T) {
	dir := t.TempDir()
	disk := newDisk(t, dir)
	client := newClientIn(t, dir, vfsParameter)
	r, err := put(t.Context(), client, "/registry/a", "1", 0)
	if err != nil || !r.Succeeded {
		t.Fatalf("%v, %v; want the key created", r, err)
	}
	disk.set(func(d *testDisk) { d.broken = true })
	rev := r.Header.Revision
	remove := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision("/registry/a"), "=", rev)).
		Then(clientv3.OpDelete("/registry/a")).Else(clientv3.OpGet("/registry/a"))
	for what, try := range map[string]func() (*clientv3.TxnResponse, error){
		"create": func() (*clientv3.TxnResponse, error) { return put(t.Context(), client, "/registry/b", "1", 0) },
		"update": func() (*clientv3.TxnResponse, error) { return put(t.Context(), client, "/registry/a", "2", rev) },
		"delete": remove.Commit,
	} {
		if r, err := try(); err == nil || !strings.Contains(err.Error(), "disk I/O error") {
			t.Errorf("%s on a broken disk gives %v, %v; want an error that says so", what, r, err)
		}
	}
	disk.set(func(d *testDisk) { d.broken = false })
	if r, err := put(t.Context(), client, "/registry/a", "2", rev); err != nil || !r.Succeeded {
		t.Errorf("update on a disk that works again gives %v, %v; want it done", r, err)
	}
}

// A consistent read of the API server waits until its watches have come to the revision of the newest row.
func TestProgressReachesTheNewestRevisionAfterWritesThatEndAtOnce(t *testing.T) {
	dir := t.TempDir()
	disk := newDisk(t, dir)
	client := newClientIn(t, dir, vfsParameter)
	disk.set(func(d *testDisk) { d.delay = 5 * time.Millisecond })
	watch := client.Watch(t.Context(), "/registry/", clientv3.WithPrefix(), clientv3.WithCreatedNotify())
	<-watch
	for round := range 10 {
		var (
			mu     sync.Mutex
			newest int64
			wg     sync.WaitGroup
		)
		for w := range 8 {
			wg.Go(func() {
				r, err := put(t.Context(), client, fmt.Sprintf("/registry/%d-%d", round, w), "", 0)
				if err != nil || !r.Succeeded {
					t.Errorf("%v, %v; want the key created", r, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				newest = max(newest, r.Header.Revision)
			})
		}
		wg.Wait()
		deadline := time.After(10 * time.Second)
		for told := int64(0); told < newest; {
			if err := client.RequestProgress(t.Context()); err != nil {
				t.Fatal(err)
			}
			select {
			case w := <-watch:
				if w.IsProgressNotify() {
					told = w.Header.Revision
				}
			case <-time.After(100 * time.Millisecond):
			case <-deadline:
				t.Fatalf("round %d: a watch is told that it is at %d; want %d", round, told, newest)
			}
		}
	}
}
