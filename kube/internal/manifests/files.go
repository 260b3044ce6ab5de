package manifests

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// A file is one manifest. Its name, the path without suffix below the directory, is what --disable and the inventory
// know it by.
type file struct {
	name, path string
	skip       bool // foo.yaml.skip lies beside it: leave everything as it is
}

func readDir(dir string, disabled []string) ([]file, error) {
	var files []file
	skip := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if target, ok := strings.CutSuffix(path, ".skip"); ok {
			skip[target] = true
			return nil
		}
		suffix := filepath.Ext(path)
		base := strings.TrimSuffix(filepath.Base(path), suffix)
		if !slices.Contains([]string{".yaml", ".yml", ".json"}, suffix) || strings.HasPrefix(base, ".") {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !slices.Contains(disabled, base) {
			files = append(files, file{name: strings.TrimSuffix(rel, suffix), path: path})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range files {
		files[i].skip = skip[files[i].path]
	}
	sort.Slice(files, func(i, j int) bool { return files[i].path < files[j].path })
	return files, nil
}

func (f file) read() (objects []*unstructured.Unstructured, checksum string, err error) {
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(b)
	objects, err = parse(b)
	return objects, hex.EncodeToString(sum[:]), err
}

// parse reads the documents of a file; lists are taken apart.
func parse(b []byte) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	dec := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(b), 4096)
	for n := 1; ; n++ {
		var o unstructured.Unstructured
		err := dec.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if o.GetKind() == "" || o.GetAPIVersion() == "" {
			return nil, fmt.Errorf("document %d has no apiVersion or no kind", n)
		}
		if !o.IsList() {
			if o.GetName() == "" {
				return nil, fmt.Errorf("document %d (%s) has no metadata.name", n, o.GetKind())
			}
			out = append(out, &o)
			continue
		}
		err = o.EachListItem(func(item runtimeObject) error {
			out = append(out, item.(*unstructured.Unstructured))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
	}
}
