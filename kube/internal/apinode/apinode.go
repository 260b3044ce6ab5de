// Package apinode has what several parts do with Nodes, the API's objects.
package apinode

import (
	"context"
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// IsReady tells whether the kubelet has said so.
func IsReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// Patch merges a change into a Node (RFC 7386), or into one of its subresources. A nil value removes what it names.
func Patch(ctx context.Context, client kubernetes.Interface, name string, change map[string]any, subresources ...string) error {
	b, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, b, metav1.PatchOptions{}, subresources...)
	return err
}

// Annotate is Patch of annotations.
func Annotate(ctx context.Context, client kubernetes.Interface, name string, annotations map[string]any) error {
	return Patch(ctx, client, name, map[string]any{"metadata": map[string]any{"annotations": annotations}})
}
