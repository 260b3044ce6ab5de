package etcd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"k3os.io/kube/internal/datastore"
)

// opened serves a database until what is returned is called.
func opened(t *testing.T, db datastore.SQLite) (*clientv3.Client, func()) {
	t.Helper()
	ctx, end := context.WithCancel(t.Context())
	endpoint, err := db.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint.URL}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	return client, func() { _ = client.Close(); end() }
}

func create(t *testing.T, c *clientv3.Client, key, value string, ttl int64) {
	t.Helper()
	var options []clientv3.OpOption
	if ttl > 0 {
		lease, err := c.Grant(t.Context(), ttl)
		if err != nil {
			t.Fatal(err)
		}
		options = append(options, clientv3.WithLease(lease.ID))
	}
	_, err := c.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, value, options...)).Commit()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAMemberTakesOverWhatSQLiteHas(t *testing.T) {
	db := datastore.SQLite{Dir: filepath.Join(t.TempDir(), "db")}
	from, closeDB := opened(t, db)
	const objects = 250
	large := strings.Repeat("x", 1<<20)
	for i := range objects {
		create(t, from, fmt.Sprintf("/registry/pods/%03d", i), fmt.Sprint(i), 0)
	}
	create(t, from, "/registry/secrets/large", large, 0)
	create(t, from, "/registry/events/one", "lives an hour", 3600)
	now, err := from.Get(t.Context(), "/registry/pods/000")
	if err != nil {
		t.Fatal(err)
	}
	before := now.Header.Revision
	closeDB()

	copied, err := db.CopyTo(filepath.Join(t.TempDir(), "c"))
	if err != nil {
		t.Fatal(err)
	}
	_, closeCopy := opened(t, copied)
	defer closeCopy()
	m, _ := machine(t, 30, nil, nil)
	// What a try that was cut has left does not count.
	if err := os.MkdirAll(filepath.Join(m.Dir+".migrate", "fresh", "member", "wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	got, err := m.TakeOver(t.Context(), "unix://"+filepath.Join(copied.Dir, "kine.sock"))
	const all = objects + 3 // with /registry/health, which kine makes
	if err != nil || got != all || !m.HasTakenOver() {
		t.Fatalf("%d objects, %v; want %d", got, err, all)
	}
	if _, err := m.TakeOver(t.Context(), "unix:///none"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("once more: %v; want it refused", err)
	}
	open(t, m)
	if names := members(t, m); fmt.Sprint(names) != "[m30]" {
		t.Errorf("members %v; want this one", names)
	}
	if get(t, m, "/registry/pods/249") != "249" || get(t, m, "/registry/secrets/large") != large {
		t.Error("an object is another one")
	}
	kv, err := m.client.Get(t.Context(), "/registry/pods/000")
	if err != nil || kv.Kvs[0].ModRevision <= before {
		t.Errorf("revision %v, %v; want a later one than %d", kv, err, before)
	}
	event, err := m.client.Get(t.Context(), "/registry/events/one")
	if err != nil {
		t.Fatal(err)
	}
	left, err := m.client.TimeToLive(t.Context(), clientv3.LeaseID(event.Kvs[0].Lease))
	if err != nil || left.GrantedTTL != 3600 || left.TTL <= 0 {
		t.Errorf("the event's lease: %+v, %v; want it to live an hour", left, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if answer := <-m.client.Watch(ctx, "/registry/", clientv3.WithPrefix(), clientv3.WithRev(before+1)); answer.CompactRevision == 0 {
		t.Errorf("a watch from before: %v; want it to be told to begin anew", answer)
	}
}
