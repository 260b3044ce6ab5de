package coredns

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestManifest(t *testing.T) {
	b, err := Manifest(Values{ClusterIP: "10.43.0.10", ClusterDomain: "example.local", Image: "i:1", Binary: "/usr/bin/k3s"})
	if err != nil {
		t.Fatal(err)
	}
	for n, doc := range strings.Split(string(b), "\n---\n") {
		var o map[string]any
		if err := yaml.UnmarshalStrict([]byte(doc), &o); err != nil {
			t.Errorf("document %d: %v", n+1, err)
		}
	}
	for _, want := range []string{"clusterIP: 10.43.0.10", "kubernetes example.local ", "image: i:1", "path: /usr/bin/k3s"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the manifest lacks %q", want)
		}
	}
}
