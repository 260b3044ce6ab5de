package manifests

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReadDir(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.yaml", "b.json", "c.yml", "c.yml.skip", "d.txt", ".e.yaml", "sub/f.yaml", "off.yaml"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := readDir(dir, []string{"off"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range files {
		got[f.name] = f.skip
	}
	if want := map[string]bool{"a": false, "b": false, "c": true, "sub/f": false}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v; want %v", got, want)
	}
}

func TestParse(t *testing.T) {
	const text = `
# only a comment
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c}}
`
	objects, err := parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		names = append(names, o.GetName())
	}
	if want := []string{"a", "b", "c"}; !reflect.DeepEqual(names, want) {
		t.Errorf("got %v; want %v", names, want)
	}
	for _, tt := range []struct{ text, want string }{
		{"kind: X", "no apiVersion"},
		{"apiVersion: v1\nkind: X", "no metadata.name"},
		{"a: [", "document 1"},
	} {
		if _, err := parse([]byte(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("parse(%q) = %v; want an error with %q", tt.text, err, tt.want)
		}
	}
}

func TestDifference(t *testing.T) {
	old := identity{"policy/v1beta1", "PodDisruptionBudget", "n", "a"}
	moved := identity{"policy/v1", "PodDisruptionBudget", "n", "a"}
	gone := identity{"v1", "ConfigMap", "n", "b"}
	got := difference([]identity{old, gone}, []identity{moved})
	if want := []identity{gone}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v; want %v: an object that changed its version is still there", got, want)
	}
}

func TestConfigMapName(t *testing.T) {
	a, b := configMapName("My_File"), configMapName("my-file")
	if a == b {
		t.Errorf("two files share %s", a)
	}
	if !strings.HasPrefix(a, "manifest-my-file-") {
		t.Errorf("got %s; want it readable", a)
	}
}
