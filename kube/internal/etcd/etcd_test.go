package etcd

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k3os.io/kube/internal/pki"
)

func TestMain(m *testing.M) {
	pace.heartbeatMs, pace.electionMs, pace.retryEvery = 50, 500, 100*time.Millisecond
	pace.lookEvery = 50 * time.Millisecond
	os.Exit(m.Run())
}

// machine is a member at an address of the loopback interface, with a certificate of that authority.
func machine(t *testing.T, number int, bootstrap pki.Bootstrap, joining Joining) (*Member, *pki.Store) {
	t.Helper()
	dir := t.TempDir()
	ip := net.IPv4(127, 0, 77, byte(number))
	store := pki.New(filepath.Join(dir, "tls"), filepath.Join(dir, "agent"), pki.Names{
		NodeName: fmt.Sprintf("m%d", number), NodeIPs: []net.IP{ip}, ClusterIP: net.IPv4(10, 43, 0, 1), Domain: "cluster.local",
	})
	store.Etcd = true
	if bootstrap != nil {
		if err := store.KeepBootstrap(bootstrap); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Ensure(); err != nil {
		t.Fatal(err)
	}
	return &Member{
		Dir: filepath.Join(dir, "etcd"), NodeName: fmt.Sprintf("m%d", number), NodeIP: ip,
		PeerCert: store.CertFile(pki.EtcdPeer), PeerKey: store.KeyFile(pki.EtcdPeer), PeerCA: store.CertFile(pki.EtcdPeerCA),
		Joining: joining,
	}, store
}

// open starts a member; what is returned stops it and waits for that.
func open(t *testing.T, m *Member) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := m.Open(ctx); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- m.Wait(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func put(t *testing.T, m *Member, key, value string) {
	t.Helper()
	if _, err := m.client.Put(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, m *Member, key string) string {
	t.Helper()
	got, err := m.client.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) == 0 {
		return ""
	}
	return string(got.Kvs[0].Value)
}

func members(t *testing.T, m *Member) (names []string) {
	t.Helper()
	list, err := m.client.MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Members {
		name := one.Name[:strings.LastIndex(one.Name, "-")]
		if one.IsLearner {
			name += " (learner)"
		}
		names = append(names, name)
	}
	return names
}

func TestMembersJoinLeaveAndComeBack(t *testing.T) {
	first, store := machine(t, 1, nil, nil)
	open(t, first)
	put(t, first, "/registry/a", "1")
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := machine(t, 2, shared, first)
	stop := open(t, second)
	if got := get(t, second, "/registry/a"); got != "1" {
		t.Errorf("the second member has %q; want what the first one wrote", got)
	}
	if got := members(t, first); len(got) != 2 || strings.Contains(fmt.Sprint(got), "learner") {
		t.Errorf("members %v; want two with a vote", got)
	}
	if info, err := os.Stat(second.socket()); err != nil || info.Mode()&0o077 != 0 && !isPrivate(filepath.Dir(second.socket())) {
		t.Errorf("%v, %v; want nobody else to reach the socket", info, err)
	}

	// With its disk it is the same one again; nothing is asked of the others.
	stop()
	second.Joining = nil
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := second.Open(ctx); err != nil {
		t.Fatal(err)
	}
	put(t, second, "/registry/a", "2")

	ids, err := first.MembersOf(t.Context(), "m2", "")
	if err != nil || len(ids) != 1 {
		t.Fatalf("members %v, %v; want one", ids, err)
	}
	if err := first.NoteDeleted(t.Context(), ids[0], "m2"); err != nil {
		t.Fatal(err)
	}
	if noted, err := first.Deleted(t.Context()); err != nil || noted[ids[0]] != "m2" {
		t.Errorf("%v, %v; want what was noted", noted, err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(pace.retryEvery) {
		err := first.RemoveMember(t.Context(), ids[0])
		if err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	if noted, err := first.Deleted(t.Context()); err != nil || len(noted) > 0 {
		t.Errorf("%v, %v; want nothing left to remove", noted, err)
	}
	if err := second.Wait(ctx); err == nil || !strings.Contains(err.Error(), "was removed from its cluster") {
		t.Errorf("the member that was removed ended with %v", err)
	}
	if _, err := second.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "move "+second.Dir+" away") {
		t.Errorf("the member that was removed begins again with %v", err)
	}
	put(t, first, "/registry/a", "3")
	if got := members(t, first); len(got) != 1 {
		t.Errorf("members %v; want one", got)
	}
	if err := first.RemoveMember(t.Context(), ids[0]); err != nil {
		t.Errorf("removed once more: %v; want nothing to do", err)
	}
}

func isPrivate(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.Mode().Perm()&0o077 == 0
}

func TestAMemberThatLostItsDiskTakesTheOldOnesPlace(t *testing.T) {
	first, store := machine(t, 3, nil, nil)
	open(t, first)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := machine(t, 4, shared, first)
	open(t, second)
	third, _ := machine(t, 5, shared, first)
	stop := open(t, third)
	stop()
	put(t, first, "/registry/a", "1")
	again, _ := machine(t, 5, shared, first)
	open(t, again)
	if got := get(t, again, "/registry/a"); got != "1" {
		t.Errorf("it has %q; want what was written while it was away", got)
	}
	if got := members(t, first); len(got) != 3 {
		t.Errorf("members %v; want three", got)
	}
}

func TestMembersJoinAtTheSameTime(t *testing.T) {
	first, store := machine(t, 8, nil, nil)
	open(t, first)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for number := 9; number <= 10; number++ {
		m, _ := machine(t, number, shared, first)
		all.Go(func() { open(t, m) })
	}
	all.Wait()
	if got := members(t, first); len(got) != 3 || strings.Contains(fmt.Sprint(got), "learner") {
		t.Errorf("members %v; want three with a vote", got)
	}
}

// Others ask a member at the address that etcd has of it, and whoever joins begins with that.
func TestAMemberWhoseAddressHasChangedTellsTheOthers(t *testing.T) {
	first, store := machine(t, 12, nil, nil)
	open(t, first)()
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	moved, _ := machine(t, 13, shared, nil)
	moved.Dir, moved.NodeName = first.Dir, first.NodeName
	open(t, moved)
	list, err := moved.client.MemberList(t.Context())
	if want := "https://127.0.77.13:2380"; err != nil || list.Members[0].PeerURLs[0] != want {
		t.Errorf("%v, %v; want it at %s", list, err, want)
	}
}

func TestAnAddressOfAnotherMemberIsRefused(t *testing.T) {
	first, _ := machine(t, 11, nil, nil)
	open(t, first)
	before := members(t, first)
	_, err := first.AddMember(t.Context(), "other-01234567", "https://127.0.77.11:2380")
	if err == nil || !strings.Contains(err.Error(), "is the address of m11") {
		t.Errorf("got %v; want it refused", err)
	}
	if got := members(t, first); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("members %v; want %v", got, before)
	}
}
