package snapshots

import (
	"encoding/pem"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k3os.io/kube/internal/config"
)

// A fakeS3 is a bucket, by path, that takes requests of one access key.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !strings.Contains(r.Header.Get("Authorization"), "Credential=the-key/") {
		http.Error(w, `<Error><Code>AccessDenied</Code><Message>Access Denied.</Message></Error>`, http.StatusForbidden)
		return
	}
	key, inBucket := strings.CutPrefix(r.URL.Path, "/bucket/")
	b, known := s.objects[key]
	switch {
	case !inBucket:
		http.Error(w, `<Error><Code>NoSuchBucket</Code><Message>No such bucket.</Message></Error>`, http.StatusNotFound)
	case key == "" && r.Method == http.MethodGet:
		s.list(w, r.URL.Query().Get("prefix"))
	case r.Method == http.MethodPut:
		content, _ := io.ReadAll(r.Body)
		s.objects[key] = content
		w.Header().Set("ETag", `"x"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	case !known:
		http.Error(w, `<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>`, http.StatusNotFound)
	default:
		w.Header().Set("ETag", `"x"`)
		http.ServeContent(w, r, "", time.Unix(1_700_000_000, 0), strings.NewReader(string(b)))
	}
}

func (s *fakeS3) list(w io.Writer, prefix string) {
	type object struct {
		Key, LastModified, ETag string
		Size                    int
	}
	var answer struct {
		XMLName  xml.Name `xml:"ListBucketResult"`
		Contents []object
	}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, prefix) {
			answer.Contents = append(answer.Contents, object{key, "2023-11-14T22:13:20.000Z", `"x"`, len(s.objects[key])})
		}
	}
	_ = xml.NewEncoder(w).Encode(answer)
}

func farKeeper(t *testing.T) (*Keeper, *fakeS3) {
	t.Helper()
	s3 := &fakeS3{objects: map[string][]byte{}}
	server := httptest.NewTLSServer(s3)
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	k := keeper(t)
	k.Defaults.S3 = config.S3{
		Enabled: true, Endpoint: strings.TrimPrefix(server.URL, "https://"), EndpointCA: ca, AccessKey: "the-key",
		SecretKey: "the-secret", Bucket: "bucket", BucketLookup: "path", Region: "us-east-1", Folder: "k3s", Retention: 1,
		Timeout: time.Minute,
	}
	return k, s3
}

func TestSnapshotsAreInS3Too(t *testing.T) {
	k, s3 := farKeeper(t)
	s3.objects["k3s/etcd-snapshot-node-2-1700000000"] = []byte("of another server")
	s3.objects["k3s/notes.txt"] = nil
	first := do(t, k, Request{Operation: Save})
	second := do(t, k, Request{Operation: Save})
	if !slices.Equal(second.Deleted, first.Created) {
		t.Errorf("deleted %v; want what is more than one in S3, %v", second.Deleted, first.Created)
	}
	said, err := k.Do(t.Context(), Request{Operation: List})
	if err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, f := range said.(Files).Items {
		at = append(at, f.Spec.Location)
	}
	want := []string{
		"file://" + filepath.Join(k.Defaults.Dir, first.Created[0]), "file://" + filepath.Join(k.Defaults.Dir, second.Created[0]),
		"s3://bucket/k3s/etcd-snapshot-node-2-1700000000", "s3://bucket/k3s/" + second.Created[0],
	}
	if !slices.Equal(at, want) {
		t.Errorf("listed %v; want %v", at, want)
	}
	file, err := Fetch(t.Context(), k.Defaults.S3, second.Created[0], t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(file)
	if b, _ := os.ReadFile(file); err != nil || string(b) != "what the datastore has" || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("fetched %q, %v, %v", b, info, err)
	}
	do(t, k, Request{Operation: Delete, Name: second.Created})
	if _, ok := s3.objects["k3s/"+second.Created[0]]; ok {
		t.Error("what was deleted is still in S3")
	}
	do(t, k, Request{Operation: Delete, Name: []string{"etcd-snapshot-node-2-1700000000"}})
	if len(s3.objects) != 1 {
		t.Errorf("S3 has %v; want the other file alone", s3.objects)
	}
}

func TestS3SaysWhatIsWrongAndNoKey(t *testing.T) {
	for what, change := range map[string]func(*config.S3){
		"Access Denied":                   func(c *config.S3) { c.AccessKey = "another-key" },
		"bucket another":                  func(c *config.S3) { c.Bucket = "another" },
		"certificate":                     func(c *config.S3) { c.EndpointCA = "" },
		"--etcd-s3-endpoint-ca":           func(c *config.S3) { c.EndpointCA = "/none" },
		"--etcd-s3-endpoint-ca: expected": func(c *config.S3) { c.EndpointCA = os.Args[0] },
	} {
		k, _ := farKeeper(t)
		change(&k.Defaults.S3)
		_, err := k.Do(t.Context(), Request{Operation: Save})
		if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "and not in S3") {
			t.Errorf("%v; want %q, and where the snapshot is", err, what)
		}
		if err != nil && (strings.Contains(err.Error(), "the-secret") || strings.Contains(err.Error(), "-key")) {
			t.Errorf("the error tells a key: %v", err)
		}
		if got, _ := os.ReadDir(k.Defaults.Dir); len(got) != 1 {
			t.Errorf("%v; want the snapshot to be kept here", got)
		}
		said, err := k.Do(t.Context(), Request{Operation: List})
		if err != nil {
			t.Fatal(err)
		}
		if found := said.(Files); len(found.Items) != 1 || !strings.Contains(found.Warning, what) {
			t.Errorf("listed %+v; want the one that is here, and why there are no others", found)
		}
	}
	k, _ := farKeeper(t)
	if _, err := Fetch(t.Context(), k.Defaults.S3, "a-n-1700000000", t.TempDir()); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("fetch what is not there: %v", err)
	}
	if _, err := Fetch(t.Context(), k.Defaults.S3, "../a-1700000000", t.TempDir()); err == nil {
		t.Error("a name with a path was fetched")
	}
}
