package localpath

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata/fake"
)

func TestANodeDoesWhatItIsAskedAndAnswers(t *testing.T) {
	root := filepath.Join(t.TempDir(), "storage")
	path := directory(root, pv, "ns", "claim")
	scheme := fake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	node := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: "n1", Annotations: map[string]string{annotations + pv: "make " + path, "other": "make /x"}},
	}
	client := fake.NewSimpleMetadataClient(scheme, node)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = (&keeper{client: client, node: "n1", newest: map[string]string{}}).follow(ctx) // it ends with ctx
	}()
	defer func() { end(); <-ended }()

	answered := func(want string) {
		t.Helper()
		await(t, want, func(ctx context.Context) (bool, error) {
			n, err := client.Resource(nodes).Get(ctx, "n1", metav1.GetOptions{})
			return err == nil && n.Annotations[annotations+pv] == want && n.Annotations["other"] == "make /x", err
		})
	}
	ask := func(text string) {
		t.Helper()
		patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{annotations + pv: text}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Resource(nodes).Patch(ctx, "n1", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	answered("done make " + path)
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	ask("remove " + root)
	answered("failed remove " + root + ": \"" + root + "\" is not the directory of volume " + pv + ": expected DIR/" + pv + "_NAMESPACE_CLAIM")
	ask("remove " + path)
	answered("done remove " + path)
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}
