package snapshots

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"k3os.io/kube/internal/config"
)

// A fakeSource writes what it is, or fails.
type fakeSource struct {
	fail   error
	during func()
}

func (s *fakeSource) SaveSnapshot(_ context.Context, file string) error {
	if s.during != nil {
		s.during()
	}
	if s.fail != nil {
		_ = os.WriteFile(file, []byte("ha"), 0o600)
		return s.fail
	}
	return os.WriteFile(file, []byte("what the datastore has"), 0o600)
}

func keeper(t *testing.T) *Keeper {
	t.Helper()
	return &Keeper{NodeName: "node-1", Source: &fakeSource{}, Defaults: config.Snapshots{
		Name: "etcd-snapshot", Retention: 2, Dir: filepath.Join(t.TempDir(), "snapshots"),
	}}
}

func do(t *testing.T, k *Keeper, r Request) Result {
	t.Helper()
	said, err := k.Do(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return said.(Result)
}

func names(t *testing.T, k *Keeper) (all []string) {
	t.Helper()
	said, err := k.Do(t.Context(), Request{Operation: List})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range said.(Files).Items {
		all = append(all, f.Spec.SnapshotName)
	}
	return all
}

func TestTheOldestOfAKindAreDeleted(t *testing.T) {
	k := keeper(t)
	byHand := do(t, k, Request{Operation: Save, Name: []string{"on-demand"}}).Created[0]
	var saved []string
	for range 4 {
		saved = append(saved, do(t, k, Request{Operation: Save}).Created...)
	}
	want := []string{byHand, saved[2], saved[3]}
	got := names(t, k)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("kept %v; want the one by hand and the last two, %v", got, want)
	}
	one := 1
	if got := do(t, k, Request{Operation: Prune, Retention: &one}).Deleted; !slices.Equal(got, saved[2:3]) {
		t.Errorf("pruned %v; want %v", got, saved[2:3])
	}
	if got := do(t, k, Request{Operation: Delete, Name: []string{byHand}}).Deleted; !slices.Equal(got, []string{byHand}) {
		t.Errorf("deleted %v; want %s", got, byHand)
	}
	if got := names(t, k); !slices.Equal(got, saved[3:]) {
		t.Errorf("kept %v; want %v", got, saved[3:])
	}
}

func TestASnapshotIsThereWholeOrNotAtAll(t *testing.T) {
	k := keeper(t)
	k.Source = &fakeSource{fail: errors.New("no space left")}
	if _, err := k.Do(t.Context(), Request{Operation: Save}); err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("%v; want why it was not saved", err)
	}
	if left, _ := os.ReadDir(k.Defaults.Dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	// What a power cut has left goes with the next one.
	if err := os.WriteFile(filepath.Join(k.Defaults.Dir, k.unfinished()+"x-1700000000"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k.Source = &fakeSource{during: func() {
		if got := names(t, k); len(got) > 0 {
			t.Errorf("%v is listed before it is whole", got)
		}
		if _, err := k.Do(t.Context(), Request{Operation: Save}); !errors.Is(err, errBusy) {
			t.Errorf("a second one at the same time: %v; want errBusy", err)
		}
	}}
	do(t, k, Request{Operation: Save})
	if left, _ := os.ReadDir(k.Defaults.Dir); len(left) != 1 {
		t.Errorf("%v; want the snapshot alone", left)
	}
}

// All servers save by the same schedule, and their directory may be one of the network.
func TestServersSaveToTheSameDirectoryAtTheSameTime(t *testing.T) {
	one, another := keeper(t), keeper(t)
	another.NodeName, another.Defaults.Dir = "node-2", one.Defaults.Dir
	one.Source = savingSource(func() { do(t, another, Request{Operation: Save}) })
	do(t, one, Request{Operation: Save})
	if got := names(t, one); len(got) != 2 {
		t.Errorf("%v; want the snapshots of both servers", got)
	}
}

// A savingSource has written its file when something else happens.
type savingSource func()

func (s savingSource) SaveSnapshot(ctx context.Context, file string) error {
	defer s()
	return (&fakeSource{}).SaveSnapshot(ctx, file)
}

func TestACompressedSnapshotIsUnpacked(t *testing.T) {
	k := keeper(t)
	yes := true
	name := do(t, k, Request{Operation: Save, Compress: &yes}).Created[0]
	file := filepath.Join(k.Defaults.Dir, name)
	if left, _ := os.ReadDir(k.Defaults.Dir); len(left) != 1 {
		t.Errorf("%v; want the zip file alone", left)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 || !strings.HasSuffix(name, ".zip") {
		t.Fatalf("%s: %v, %v; want a private zip file", name, info, err)
	}
	unpacked, err := Unpack(file, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(unpacked); string(b) != "what the datastore has" {
		t.Errorf("unpacked %q", b)
	}
	whole, _ := os.ReadFile(file)
	if err := os.WriteFile(file, whole[:len(whole)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(file, t.TempDir()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a half: %v; want an error that names the file", err)
	}
}

func TestARequestCannotLeaveTheDirectory(t *testing.T) {
	k := keeper(t)
	outside := filepath.Join(filepath.Dir(k.Defaults.Dir), "x-1700000000")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, r := range []Request{
		{Operation: Save, Name: []string{"../x"}}, {Operation: Save, Name: []string{""}}, {Operation: Save, Name: []string{".x"}},
		{Operation: Delete, Name: []string{"../x-1700000000"}}, {Operation: Delete, Name: []string{"x"}}, {Operation: Delete},
		{Operation: "forget"},
	} {
		if said, err := k.Do(t.Context(), r); err == nil {
			t.Errorf("%+v: %v; want an error", r, said)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error("a file beside the directory is gone")
	}
}

func TestNamesSayWhatTheyAre(t *testing.T) {
	for name, want := range map[string]bool{
		"a-n-1700000000": true, "a-n-1700000000.zip": true, "a-n-1700000000.gz": false, "a-n": false,
		".saving-a-n-1700000000": false, "1700000000": false,
	} {
		if _, got := savedAt(name); got != want {
			t.Errorf("savedAt(%q) = %v; want %v", name, got, want)
		}
	}
	if belongs("a-n-1-1700000000", "a-n") {
		t.Error("a snapshot of node n-1 is taken for one of n")
	}
	of := func(prefix string, seconds uint32, zip bool) bool {
		at := 1_000_000_000 + int64(seconds)
		name := fmt.Sprintf("a%x-%d", prefix, at)
		if zip {
			name += zipped
		}
		when, ok := savedAt(name)
		return ok && when.Unix() == at && belongs(name, fmt.Sprintf("a%x", prefix))
	}
	if err := quick.Check(of, nil); err != nil {
		t.Error(err)
	}
}

func TestServeHTTP(t *testing.T) {
	k := keeper(t)
	ask := func(method, body string) (int, string) {
		w := httptest.NewRecorder()
		k.ServeHTTP(w, httptest.NewRequest(method, "/db/snapshot", strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	if status, said := ask("POST", `{"operation":"save","name":["on-demand"]}`); status != http.StatusOK || !strings.Contains(said, "on-demand-node-1-") {
		t.Errorf("save: %d %s", status, said)
	}
	status, said := ask("GET", "")
	var list Files
	if err := json.Unmarshal([]byte(said), &list); status != http.StatusOK || err != nil || len(list.Items) != 1 ||
		list.Items[0].Status.Size != "22" || list.Items[0].Spec.NodeName != "node-1" {
		t.Errorf("list: %d %s", status, said)
	}
	if status, said := ask("POST", `{"operation":"delete","name":["x-1700000000"]}`); status == http.StatusOK || !strings.Contains(said, "no snapshot") {
		t.Errorf("delete what is not there: %d %s", status, said)
	}
	if status, _ := ask("POST", `save`); status != http.StatusBadRequest {
		t.Errorf("no JSON: %d", status)
	}
}

func TestTheListHasTheSnapshotsOfAllServers(t *testing.T) {
	k := keeper(t)
	own := do(t, k, Request{Operation: Save}).Created[0]
	var there File
	there.Spec.SnapshotName, there.Spec.NodeName = "etcd-snapshot-node-2-1700000000", "node-2"
	k.Others = func(context.Context) ([]File, error) { return []File{there}, errors.New("node-3 is off") }
	dir := k.Defaults.Dir
	for _, tt := range []struct {
		request Request
		want    []string
		warning string
	}{
		{Request{}, []string{own, there.Spec.SnapshotName}, "node-3 is off"},
		{Request{Own: true}, []string{own}, ""},
		{Request{Dir: &dir}, []string{own}, ""}, // a directory of this server
	} {
		tt.request.Operation = List
		said, err := k.Do(t.Context(), tt.request)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range said.(Files).Items {
			got = append(got, f.Spec.SnapshotName)
		}
		if warning := said.(Files).Warning; !slices.Equal(got, tt.want) || warning != tt.warning {
			t.Errorf("%+v: %v, %q; want %v, %q", tt.request, got, warning, tt.want, tt.warning)
		}
	}
}
