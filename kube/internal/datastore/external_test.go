package datastore

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/quick"
	"time"

	"github.com/k3s-io/kine/pkg/drivers/generic"
	"github.com/k3s-io/kine/pkg/drivers/sqlite"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

func (s *testServer) client(t *testing.T, database string) *clientv3.Client {
	t.Helper()
	endpoint, err := External{Dir: t.TempDir(), Endpoint: s.endpoint(database, password)}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: []string{endpoint.URL}, DialTimeout: 10 * time.Second, Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// One server of each kind serves all cases: to make it takes longer than they do.
func TestExternalDatabases(t *testing.T) {
	for name, start := range testServers {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			for what, test := range map[string]func(*testing.T, *testServer){
				"two servers over one database":           testTwoServersOverOneDatabase,
				"servers that start at the same time":     testServersThatStartAtTheSameTime,
				"one that goes away and comes back":       testADatabaseThatGoesAwayAndComesBack,
				"one that is not there yet is waited for": testADatabaseThatIsNotThereYetIsWaitedFor,
				"one that refuses is one sentence":        testADatabaseThatRefusesIsOneSentence,
				"its authority is checked":                testTheAuthorityOfADatabaseIsChecked,
			} {
				t.Run(what, func(t *testing.T) { test(t, s) })
			}
		})
	}
}

// The database is not there at first. One server hears of what the other one writes, and one of two creates wins.
func testTwoServersOverOneDatabase(t *testing.T, s *testServer) {
	a, b := s.client(t, "two"), s.client(t, "two")
	heard := b.Watch(t.Context(), "/registry/", clientv3.WithPrefix())
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		wins = map[string]int{}
	)
	const keys = 20
	for i := range keys {
		for _, client := range []*clientv3.Client{a, b} {
			wg.Go(func() {
				key := fmt.Sprintf("/registry/%d", i)
				r, err := put(t.Context(), client, key, "1", 0)
				if err != nil {
					t.Errorf("create %s: %v", key, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if r.Succeeded {
					wins[key]++
				}
			})
		}
	}
	wg.Wait()
	for i := range keys {
		if n := wins[fmt.Sprintf("/registry/%d", i)]; n != 1 {
			t.Errorf("key %d was created %d times; want once", i, n)
		}
	}
	seen := map[string]bool{}
	for w := range heard {
		if w.Err() != nil {
			t.Fatal(w.Err())
		}
		for _, e := range w.Events {
			seen[string(e.Kv.Key)] = true
		}
		if len(seen) == keys {
			break
		}
	}
}

func testServersThatStartAtTheSameTime(t *testing.T, s *testServer) {
	var wg sync.WaitGroup
	for range 4 {
		dir := t.TempDir()
		wg.Go(func() {
			if _, err := (External{Dir: dir, Endpoint: s.endpoint("new", password)}).Open(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func testADatabaseThatGoesAwayAndComesBack(t *testing.T, s *testServer) {
	client := s.client(t, "away")
	r, err := put(t.Context(), client, "/registry/a", "1", 0)
	if err != nil || !r.Succeeded {
		t.Fatalf("%v, %v; want the key created", r, err)
	}
	heard := client.Watch(t.Context(), "/registry/b")
	rev := r.Header.Revision
	s.stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for what, try := range map[string]func() (*clientv3.TxnResponse, error){
		"create": func() (*clientv3.TxnResponse, error) { return put(ctx, client, "/registry/b", "1", 0) },
		"update": func() (*clientv3.TxnResponse, error) { return put(ctx, client, "/registry/a", "2", rev) },
	} {
		if r, err := try(); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s without a database gives %v, %v; want an error without the password", what, r, err)
		}
	}
	s.start()
	// A server that was killed takes a moment for what it had written.
	for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		r, err := put(t.Context(), client, "/registry/b", "1", 0)
		if err == nil && r.Succeeded {
			break
		}
		if err == nil {
			t.Fatal("the create that failed was done")
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if w := <-heard; w.Err() != nil || len(w.Events) != 1 {
		t.Errorf("a watch hears %v, %v; want of the key", w.Events, w.Err())
	}
}

func testADatabaseThatIsNotThereYetIsWaitedFor(t *testing.T, s *testServer) {
	s.stop()
	told := make(chan string, 10)
	opened := make(chan error, 1)
	go func() {
		_, err := External{
			Dir: t.TempDir(), Endpoint: s.endpoint("cluster", password), Tell: func(reason string) { told <- reason },
		}.Open(t.Context())
		opened <- err
	}()
	if reason := <-told; !strings.Contains(reason, "cannot be reached: connection refused") {
		t.Errorf("it tells %q; want that nothing listens", reason)
	}
	s.start()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

func testADatabaseThatRefusesIsOneSentence(t *testing.T, s *testServer) {
	_, err := External{Dir: t.TempDir(), Endpoint: s.endpoint("cluster", "another")}.Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "lets the user k3s not in: correct the password") ||
		strings.Contains(err.Error(), "another") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a wrong password: %v; want one sentence without it", err)
	}
}

func testTheAuthorityOfADatabaseIsChecked(t *testing.T, s *testServer) {
	if _, err := (External{Dir: t.TempDir(), Endpoint: s.endpoint("cluster", password), CAFile: s.ca}).Open(t.Context()); err != nil {
		t.Errorf("with its own authority: %v", err)
	}
	another, _ := s.certificate(t.TempDir())
	_, err := External{Dir: t.TempDir(), Endpoint: s.endpoint("cluster", password), CAFile: another}.Open(t.Context())
	if err == nil || !strings.Contains(err.Error(), "is not trusted: correct --datastore-cafile") || strings.Contains(err.Error(), "\n") {
		t.Errorf("with another authority: %v; want one sentence that names the flag", err)
	}
}

func TestAnEndpointIsCheckedWithoutTellingItsPassword(t *testing.T) {
	for endpoint, want := range map[string]string{
		"postgres://k3s:secret@host:port/db":     "expected postgres://USER",
		"postgres://k3s:secret%zz@host/db":       "expected postgres://USER",
		"postgres://k3s:secret@host/?sslmode=no": "sslmode",
		"mysql://k3s:secret@host:3306/db":        "expected mysql://USER:PASSWORD@tcp(HOST:3306)/DATABASE",
		"mysql://k3s:secret@tcp(host/db":         "expected mysql://USER:PASSWORD@tcp(HOST:3306)/DATABASE",
		"mysql://":                               "expected mysql://",
	} {
		x := External{Endpoint: endpoint}
		_, err := x.kind().dataSource(x)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v; want %q without the password", endpoint, err, want)
		}
	}
	neverTold := func(password string) bool {
		for _, scheme := range []string{"postgres", "mysql"} {
			x := External{Endpoint: scheme + "://k3s:secret" + password + "@host/db?x"}
			_, err := x.kind().dataSource(x)
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Logf("%q: %v", password, err)
				return false
			}
		}
		return true
	}
	if err := quick.Check(neverTold, nil); err != nil {
		t.Error(err)
	}
}

func TestPostgresURL(t *testing.T) {
	for _, tt := range []struct {
		x    External
		want string
	}{
		{External{Endpoint: "postgres://a:b@h"}, "postgres://a:b@h/kubernetes"},
		{External{Endpoint: "postgresql://h:1/K3s"}, "postgres://h:1/k3s"},
		{External{Endpoint: "postgres://h/d", CAFile: "/ca"}, "postgres://h/d?sslmode=verify-full&sslrootcert=/ca"},
		{External{Endpoint: "postgres://h/d?sslmode=verify-ca", CAFile: "/ca"}, "postgres://h/d?sslmode=verify-ca&sslrootcert=/ca"},
	} {
		u, err := postgresURL(tt.x)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := url.QueryUnescape(u.String()); got != tt.want {
			t.Errorf("%s is %s; want %s", tt.x.Endpoint, got, tt.want)
		}
	}
}

// What kine's drivers do not give away is found where this version of kine has it.
func TestDialectOf(t *testing.T) {
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	defer running.Wait()
	defer cancel()
	_, backend, err := sqlite.New(ctx, &running, kineConfig(t.TempDir()+"/db?"+parameters))
	if err != nil {
		t.Fatal(err)
	}
	dialect, err := dialectOf(backend)
	if _, ok := dialect.(*generic.Generic); err != nil || !ok {
		t.Errorf("%T, %v; want a dialect", dialect, err)
	}
}
