package server

import (
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
)

func TestAServerIsMarkedOnceWithWhatItsNodeLacks(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:        "a",
		Labels:      map[string]string{"theirs": "1", "role": "true"},
		Annotations: map[string]string{"theirs": "1", memberAnnotation: "a-before"},
	}}
	client := fake.NewClientset(node)
	labels, annotations := map[string]string{"role": "true"}, map[string]string{memberAnnotation: "a-now"}
	for range 2 {
		if err := markServer(t.Context(), client, node, labels, annotations); err != nil {
			t.Fatal(err)
		}
		var err error
		if node, err = client.CoreV1().Nodes().Get(t.Context(), "a", metav1.GetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if want := map[string]string{"theirs": "1", "role": "true"}; !maps.Equal(node.Labels, want) {
		t.Errorf("labels %v; want %v", node.Labels, want)
	}
	if want := map[string]string{"theirs": "1", memberAnnotation: "a-now"}; !maps.Equal(node.Annotations, want) {
		t.Errorf("annotations %v; want %v", node.Annotations, want)
	}
	patches := 0
	for _, action := range client.Actions() {
		if action.GetVerb() == "patch" {
			patches++
		}
	}
	if patches != 1 {
		t.Errorf("%d patches; want one", patches)
	}
}

func TestADeletedNodeNamesItsMember(t *testing.T) {
	server := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a", Annotations: map[string]string{memberAnnotation: "a-1"}}}
	for name, tt := range map[string]struct {
		deleted any
		want    string
	}{
		"a server":                      {server, "a-1"},
		"one whose deletion was missed": {cache.DeletedFinalStateUnknown{Key: "a", Obj: server}, "a-1"},
		"an agent":                      {&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "b"}}, ""},
		"something else":                {&corev1.Pod{}, ""},
	} {
		if got := memberNamedBy(tt.deleted); got != tt.want {
			t.Errorf("%s: %q; want %q", name, got, tt.want)
		}
	}
}
