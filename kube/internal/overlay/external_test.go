package overlay

import (
	"net"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestTheExternalAddressIsNotedOnce(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", Annotations: map[string]string{"other": "kept"}}}
	client := fake.NewClientset(node)
	for _, tt := range []struct {
		external net.IP
		want     string
		writes   int
	}{
		{nil, "", 0},
		{net.IPv4(192, 0, 2, 1), "192.0.2.1", 1},
		{net.IPv4(192, 0, 2, 1), "192.0.2.1", 0},
		{net.IPv4(192, 0, 2, 2), "192.0.2.2", 1},
		{nil, "", 1},
	} {
		client.ClearActions()
		if err := tellExternal(t.Context(), client, "n", tt.external); err != nil {
			t.Fatal(err)
		}
		writes := 0
		for _, action := range client.Actions() {
			if action.GetVerb() != "get" {
				writes++
			}
		}
		now, err := client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if got := now.Annotations[overwrite]; got != tt.want || writes != tt.writes || now.Annotations["other"] != "kept" {
			t.Errorf("%v: %v after %d writes; want %q after %d", tt.external, now.Annotations, writes, tt.want, tt.writes)
		}
	}
}
