package etcd

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

func revision(t *testing.T, m *Member) int64 {
	t.Helper()
	got, err := m.client.Get(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	return got.Header.Revision
}

// saved is a snapshot of a member with one object and a shared value, and the revision that it was made at.
func saved(t *testing.T, m *Member) (file string, at int64) {
	t.Helper()
	put(t, m, "/registry/a", "1")
	for _, value := range []string{"old", "new"} {
		if err := m.KeepShared(t.Context(), "one", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.KeepShared(t.Context(), "gone", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if kept, err := m.ForgetShared(t.Context(), "not there", "one"); err != nil || kept {
		t.Fatalf("%v, %v; want nothing removed for what is not there", kept, err)
	}
	if kept, err := m.ForgetShared(t.Context(), "one", "gone"); err != nil || !kept {
		t.Fatal(kept, err)
	}
	file = filepath.Join(t.TempDir(), "s")
	if err := m.SaveSnapshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	return file, revision(t, m)
}

func TestASnapshotIsPrivateAndChecked(t *testing.T) {
	m, _ := machine(t, 20, nil, nil)
	open(t, m)
	file, at := saved(t, m)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want a file for its owner alone", info.Mode(), err)
	}
	if got, err := CheckSnapshot(file); err != nil || got != at {
		t.Errorf("revision %d, %v; want %d", got, err, at)
	}
	if shared, err := SharedInSnapshot(file); err != nil || len(shared) != 1 || string(shared["one"]) != "new" {
		t.Errorf("shared values %q, %v; want the newest", shared, err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, content := range map[string][]byte{
		"cut":     whole[:len(whole)/2],
		"empty":   {},
		"changed": bytes.Replace(whole, []byte("/registry/a"), []byte("/registry/b"), 1),
		"foreign": []byte(strings.Repeat("x", 4096)),
	} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := CheckSnapshot(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v; want an error that names the file", what, err)
		}
	}
}

func TestARestoreBringsBackWhatWasSavedAtALaterRevision(t *testing.T) {
	m, store := machine(t, 21, nil, nil)
	stop := open(t, m)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := machine(t, 22, shared, m)
	stopSecond := open(t, second)
	file, _ := saved(t, m)
	put(t, m, "/registry/a", "2")
	put(t, m, "/registry/later", "1")
	seen := revision(t, m)
	stopSecond()
	stop()

	oldDir, err := m.Restore(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	if !Exists(oldDir) || !strings.HasPrefix(oldDir, m.Dir+"-old-") {
		t.Errorf("the old member is in %q; want it set aside", oldDir)
	}
	open(t, m)
	if get(t, m, "/registry/a") != "1" || get(t, m, "/registry/later") != "" {
		t.Error("the objects are not those of the snapshot")
	}
	if got := revision(t, m); got <= seen {
		t.Errorf("revision %d; want a later one than %d, which a client has seen", got, seen)
	}
	// A client that watches from what it has seen is told to begin anew, and does not wait.
	watch := m.client.Watch(t.Context(), "/registry/a", watchFrom(seen))
	if answer := <-watch; answer.CompactRevision == 0 {
		t.Errorf("a watch from revision %d: %v; want it to be compacted", seen, answer)
	}
	if got := members(t, m); len(got) != 1 {
		t.Errorf("members %v; want one", got)
	}
	// Another machine joins, with an empty disk.
	third, _ := machine(t, 23, shared, m)
	open(t, third)
	if get(t, third, "/registry/a") != "1" {
		t.Error("a new member does not get the objects")
	}
}

func TestARestoreOnAnEmptyMachine(t *testing.T) {
	m, _ := machine(t, 24, nil, nil)
	stop := open(t, m)
	file, _ := saved(t, m)
	stop()
	other, _ := machine(t, 25, nil, nil)
	if oldDir, err := other.Restore(t.Context(), file); err != nil || oldDir != "" {
		t.Fatalf("%q, %v; want nothing set aside", oldDir, err)
	}
	open(t, other)
	if got := members(t, other); get(t, other, "/registry/a") != "1" || fmt.Sprint(got) != "[m25]" {
		t.Errorf("members %v; want the machine's own name and the objects", got)
	}
}

func TestADamagedSnapshotChangesNothing(t *testing.T) {
	m, _ := machine(t, 26, nil, nil)
	stop := open(t, m)
	put(t, m, "/registry/a", "1")
	stop()
	file := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(file, make([]byte, 4096+32), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Restore(t.Context(), file); err == nil {
		t.Error("a file of zeros was restored")
	}
	left, _ := filepath.Glob(m.Dir + "?*")
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	open(t, m)
	if get(t, m, "/registry/a") != "1" {
		t.Error("the member has lost its object")
	}
}

func TestAResetMakesOneMemberOfWhatThisOneHas(t *testing.T) {
	first, store := machine(t, 27, nil, nil)
	stopFirst := open(t, first)
	shared, err := store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := machine(t, 28, shared, first)
	stopSecond := open(t, second)
	put(t, first, "/registry/a", "1")
	get(t, second, "/registry/a") // so it has it, too
	seen := revision(t, first)
	stopFirst()
	stopSecond()

	oldDir, err := second.Reset(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !Exists(oldDir) {
		t.Error("the old member is gone")
	}
	if left, _ := filepath.Glob(second.Dir + ".*"); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	second.Joining = nil
	open(t, second)
	if got := members(t, second); get(t, second, "/registry/a") != "1" || fmt.Sprint(got) != "[m28]" {
		t.Errorf("members %v; want this one alone, with the object", got)
	}
	if got := revision(t, second); got <= seen {
		t.Errorf("revision %d; want a later one than %d", got, seen)
	}
}

func watchFrom(revision int64) clientv3.OpOption { return clientv3.WithRev(revision + 1) }

// An etcd without peers listens for them all the same. At a socket without a file, everybody on the machine reaches it,
// and it never ends where the working directory is read-only, as that of a node's services is.
func TestAMemberThatIsAloneListensOnlyInItsDirectory(t *testing.T) {
	m, _ := machine(t, 39, nil, nil)
	dir := filepath.Join(t.TempDir(), "alone")
	err := m.alone(t.Context(), dir, func(*embed.Config) {}, func(*clientv3.Client, string) error {
		for _, name := range []string{"peer.sock", "client.sock"} {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil || info.Mode().Type() != os.ModeSocket {
				t.Errorf("%s: %v; want a socket", name, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
