package components

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"k3os.io/kube/internal/config"
)

func TestManifests(t *testing.T) {
	want := map[string][]string{
		"coredns":        {"Deployment/coredns", "Service/kube-dns"},
		"local-storage":  {"StorageClass/local-path"},
		"runtimes":       {"RuntimeClass/crun", "RuntimeClass/runc"},
		"metrics-server": {"ClusterRole/system:aggregated-metrics-reader"},
		"cluster-dns":    {"ConfigMap/cluster-dns"},
	}
	cfg := config.Server{ControlPlane: config.ControlPlane{ServiceCIDR: []string{"10.43.0.0/16"}, ClusterDomain: "cluster.local"}}
	for _, c := range All {
		b, err := c.Manifest(cfg)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		var got []string
		for documents := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(b), 4096); ; {
			var o unstructured.Unstructured
			if err := documents.Decode(&o); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			got = append(got, o.GetKind()+"/"+o.GetName())
			if o.GetName() == "cluster-dns" && !strings.Contains(string(b), "clusterDNS: 10.43.0.10") {
				t.Errorf("%s: want the tenth address of the services' range", b)
			}
		}
		for _, object := range want[c.Name] {
			if !slices.Contains(got, object) {
				t.Errorf("%s has %v; want %s", c.Name, got, object)
			}
		}
		if len(want[c.Name]) == 0 {
			t.Errorf("%s is not known to this test", c.Name)
		}
	}
}
