package etcd

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestADatabaseThatWasFullTakesObjectsAgain(t *testing.T) {
	before := limits
	limits.quota, limits.tidyFrom = 8<<20, 1<<20
	t.Cleanup(func() { limits = before })
	m, _ := machine(t, 32, nil, nil)
	stop := open(t, m)
	large := strings.Repeat("x", 1<<20)
	var err error
	// etcd looks at the size of what it has committed, every tenth of a second.
	for i := 0; err == nil && i < 500; i++ {
		_, err = m.client.Put(t.Context(), fmt.Sprint("/registry/", i), large)
	}
	if !errors.Is(err, rpctypes.ErrNoSpace) {
		t.Fatalf("%v; want no space", err)
	}
	deleted, err := m.client.Delete(t.Context(), "/registry/", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.client.Compact(t.Context(), deleted.Header.Revision, clientv3.WithCompactPhysical()); err != nil {
		t.Fatal(err)
	}
	stop()
	open(t, m)
	put(t, m, "/registry/a", "1")
	status, err := m.client.Status(t.Context(), m.url())
	if err != nil || status.DbSize > 1<<20 {
		t.Errorf("%d bytes, %v; want the free room to be given back", status.DbSize, err)
	}
}
