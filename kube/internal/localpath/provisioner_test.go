package localpath

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	corelisters "k8s.io/client-go/listers/core/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v11/controller"
	"sigs.k8s.io/yaml"
)

// cluster is a fake API with one node, and what servers see of it.
func cluster(t *testing.T) (kubernetes.Interface, corelisters.NodeLister) {
	t.Helper()
	client := fake.NewClientset(&corev1.Node{ObjectMeta: metav1.ObjectMeta{
		Name: "n1", Labels: map[string]string{corev1.LabelHostname: "n1.example"},
	}, Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}}})
	factory := informers.NewSharedInformerFactory(client, 0)
	lister := factory.Core().V1().Nodes().Lister()
	factory.Start(t.Context().Done())
	factory.WaitForCacheSync(t.Context().Done())
	return client, lister
}

// serve stands for the node: it does what is asked by the same functions, and writes the answer.
func serve(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	w, err := client.CoreV1().Nodes().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	go func() {
		for e := range w.ResultChan() {
			node, ok := e.Object.(*corev1.Node)
			if !ok || e.Type == watch.Deleted {
				continue
			}
			for name, text := range node.Annotations {
				o, ok := parseOrder(text)
				if !ok || o.answer != "" {
					continue
				}
				volume := strings.TrimPrefix(name, annotations)
				patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{"annotations": map[string]string{name: act(volume, o).String()}}})
				if _, err := client.CoreV1().Nodes().Patch(context.Background(), node.Name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
					t.Error(err)
				}
			}
		}
	}()
}

func class(t *testing.T) *storagev1.StorageClass {
	t.Helper()
	var c storagev1.StorageClass
	if err := yaml.UnmarshalStrict(Manifest, &c); err != nil {
		t.Fatal(err)
	}
	return &c
}

func claim(mode corev1.PersistentVolumeAccessMode) *corev1.PersistentVolumeClaim {
	name := "local-path"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "claim", Namespace: "ns", UID: types.UID(strings.TrimPrefix(pv, "pvc-")), Annotations: map[string]string{
			"volume.kubernetes.io/storage-provisioner": Provisioner, "volume.kubernetes.io/selected-node": "n1",
		}},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &name, AccessModes: []corev1.PersistentVolumeAccessMode{mode},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
}

func await(t *testing.T, what string, condition func(context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, condition); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func TestAClaimGetsAVolumeWhichGoesWithIt(t *testing.T) {
	client, nodes := cluster(t)
	serve(t, client)
	root := filepath.Join(t.TempDir(), "storage")
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { Run(ctx, client, nodes, root); close(ended) }()
	defer func() { end(); <-ended }()

	if _, err := client.StorageV1().StorageClasses().Create(ctx, class(t), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().PersistentVolumeClaims("ns").Create(ctx, claim(corev1.ReadWriteOnce), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	var made *corev1.PersistentVolume
	await(t, "the volume", func(ctx context.Context) (ok bool, err error) {
		made, err = client.CoreV1().PersistentVolumes().Get(ctx, pv, metav1.GetOptions{})
		return err == nil, nil
	})
	path := root + "/" + pv + "_ns_claim"
	if made.Spec.Local == nil || made.Spec.Local.Path != path {
		t.Errorf("%+v; want the local path %s", made.Spec.PersistentVolumeSource, path)
	}
	if got := made.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values; len(got) != 1 || got[0] != "n1.example" {
		t.Errorf("on node %v; want n1.example", got)
	}
	if made.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || made.Spec.StorageClassName != "local-path" {
		t.Errorf("%+v; want Delete, of class local-path", made.Spec)
	}
	if err := os.WriteFile(filepath.Join(path, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	// What upstream's controller does once the claim is gone.
	made.Status.Phase = corev1.VolumeReleased
	if _, err := client.CoreV1().PersistentVolumes().UpdateStatus(ctx, made, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of the volume", func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().PersistentVolumes().Get(ctx, pv, metav1.GetOptions{})
		return apierrors.IsNotFound(err), nil
	})
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
	node, err := client.CoreV1().Nodes().Get(ctx, "n1", metav1.GetOptions{})
	if err != nil || len(node.Annotations) != 0 {
		t.Errorf("%v, %v; want no annotations left", node.Annotations, err)
	}
}

func TestWhatCannotBeProvisionedIsRefusedWithAReason(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	for _, tt := range []struct {
		name   string
		change func(*controller.ProvisionOptions)
		want   string
	}{
		{"many writers", func(o *controller.ProvisionOptions) { o.PVC = claim(corev1.ReadWriteMany) }, "access mode ReadWriteMany"},
		{"many readers", func(o *controller.ProvisionOptions) { o.PVC = claim(corev1.ReadOnlyMany) }, "access mode ReadOnlyMany"},
		{"one pod", func(o *controller.ProvisionOptions) { o.PVC = claim(corev1.ReadWriteOncePod) }, ""},
		{"one node", func(*controller.ProvisionOptions) {}, ""},
		{"no node", func(o *controller.ProvisionOptions) { o.SelectedNode = nil }, "WaitForFirstConsumer"},
		{"a selector", func(o *controller.ProvisionOptions) { o.PVC.Spec.Selector = &metav1.LabelSelector{} }, "selector"},
		{"a parameter", func(o *controller.ProvisionOptions) { o.StorageClass.Parameters = map[string]string{"nodePath": "/x"} }, `"nodePath"`},
		{"a type", func(o *controller.ProvisionOptions) { o.PVC.Annotations[volumeType] = "nfs" }, `got "nfs"`},
		{"hostPath", func(o *controller.ProvisionOptions) { o.PVC.Annotations[volumeType] = "hostPath" }, ""},
	} {
		o := controller.ProvisionOptions{StorageClass: class(t), PVName: pv, PVC: claim(corev1.ReadWriteOnce), SelectedNode: node}
		tt.change(&o)
		switch err := check(o); {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v; want no error", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v; want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestAVolumeOutlivesANodeThatIsAwayAndNotOneThatIsGone(t *testing.T) {
	client, nodes := cluster(t)
	p := &provisioner{client, nodes, "/s", 50 * time.Millisecond}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: pv, Annotations: map[string]string{selectedNode: "n1"}},
		Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
			Local: &corev1.LocalVolumeSource{Path: "/s/" + pv + "_ns_claim"},
		}},
	}
	if err := p.Delete(t.Context(), volume); err == nil || !strings.Contains(err.Error(), "node n1 does not answer") {
		t.Errorf("Delete = %v; want that the node does not answer", err)
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), "n1", metav1.GetOptions{})
	if want := "remove /s/" + pv + "_ns_claim"; err != nil || node.Annotations[annotations+pv] != want {
		t.Errorf("%v, %v; want %s to wait for the node", node.Annotations, err, want)
	}
	node.Status.Conditions[0].Status = corev1.ConditionUnknown
	if _, err := client.CoreV1().Nodes().UpdateStatus(t.Context(), node, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	p.patience = time.Hour
	await(t, "what the server knows of the node", func(context.Context) (bool, error) {
		_, ready, err := p.look("n1", pv)
		return !ready, err
	})
	if err := p.Delete(t.Context(), volume); err == nil || !strings.Contains(err.Error(), "node n1 is away") {
		t.Errorf("Delete = %v; want that the node is away", err)
	}
	volume.Annotations[selectedNode] = "n2"
	if err := p.Delete(t.Context(), volume); err != nil {
		t.Errorf("Delete = %v; want none for a node that is no more", err)
	}
}

func TestWhatANodeCannotDoIsTold(t *testing.T) {
	client, nodes := cluster(t)
	serve(t, client)
	p := &provisioner{client, nodes, "/proc/nothing", time.Minute}
	_, _, err := p.Provision(t.Context(), controller.ProvisionOptions{
		StorageClass: class(t), PVName: pv, PVC: claim(corev1.ReadWriteOnce), SelectedNode: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}},
	})
	if err == nil || !strings.Contains(err.Error(), "node n1 cannot make the directory: mkdir /proc/nothing") {
		t.Errorf("Provision = %v; want why the node cannot", err)
	}
}
