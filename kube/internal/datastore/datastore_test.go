package datastore

import (
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// newClient talks with an empty datastore of its own.
func newClient(t *testing.T) *clientv3.Client {
	t.Helper()
	return newClientIn(t, t.TempDir(), "")
}

func newClientIn(t *testing.T, dir, more string) *clientv3.Client {
	t.Helper()
	endpoint, err := SQLite{Dir: dir, more: more}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint.URL}, DialTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// What the API server does: create a key if there is none, read it, and hear of it.
func TestListen(t *testing.T) {
	client := newClient(t)
	const key = "/registry/a"
	heard := client.Watch(t.Context(), key)
	create := func(value string) bool {
		r, err := client.Txn(t.Context()).If(clientv3.Compare(clientv3.ModRevision(key), "=", 0)).Then(clientv3.OpPut(key, value)).Commit()
		if err != nil {
			t.Fatal(err)
		}
		return r.Succeeded
	}
	if first, second := create("1"), create("2"); !first || second {
		t.Errorf("creating a key twice gives %v and %v; want true and false", first, second)
	}
	r, err := client.Get(t.Context(), key)
	if err != nil || len(r.Kvs) != 1 || string(r.Kvs[0].Value) != "1" {
		t.Errorf("Get = %v, %v; want the first value", r, err)
	}
	for w := range heard {
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		if len(w.Events) > 0 {
			if e := w.Events[0]; !e.IsCreate() || string(e.Kv.Value) != "1" {
				t.Errorf("heard of %v; want that the key was created", e)
			}
			break
		}
	}
}

// Events and leases are created with a time to live, and nobody else deletes them.
func TestWhatExpires(t *testing.T) {
	client := newClient(t)
	lease, err := client.Grant(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	const key = "/registry/events/a"
	absent := clientv3.Compare(clientv3.ModRevision(key), "=", 0)
	heard := client.Watch(t.Context(), key)
	if r, err := client.Txn(t.Context()).If(absent).Then(clientv3.OpPut(key, "1", clientv3.WithLease(lease.ID))).Commit(); err != nil || !r.Succeeded {
		t.Fatalf("Txn = %v, %v; want that the key is created", r, err)
	}
	for w := range heard {
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		for _, e := range w.Events {
			if e.Type == clientv3.EventTypeDelete {
				return
			}
		}
	}
	t.Error("the watch ended before the key was deleted")
}

func TestDataSource(t *testing.T) {
	if name, ours := (SQLite{}).dataSource("/d"); name != "/d/state.db?"+parameters || !ours {
		t.Errorf("by default %s, %v", name, ours)
	}
	own := SQLite{Name: "sqlite:///e.db?_synchronous=NORMAL"}
	if name, ours := own.dataSource("/d"); name != "/e.db?_synchronous=NORMAL" || ours {
		t.Errorf("a user's own is %s, %v; want it as it is", name, ours)
	}
}
