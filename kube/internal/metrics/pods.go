package metrics

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// podMetadata shows a cache of pods as one of their metadata, which is what metrics-server has.
type podMetadata struct{ pods corelisters.PodLister }

func (p podMetadata) List(selector labels.Selector) ([]runtime.Object, error) {
	return metadataOf(p.pods.List(selector))
}

// Get is for objects without a namespace. A pod has one.
func (p podMetadata) Get(name string) (runtime.Object, error) {
	return p.ByNamespace(metav1.NamespaceNone).Get(name)
}

// ByNamespace takes "" for all of them.
func (p podMetadata) ByNamespace(namespace string) cache.GenericNamespaceLister {
	return namespaceMetadata{p.pods.Pods(namespace)}
}

type namespaceMetadata struct {
	pods corelisters.PodNamespaceLister
}

func (p namespaceMetadata) List(selector labels.Selector) ([]runtime.Object, error) {
	return metadataOf(p.pods.List(selector))
}

func (p namespaceMetadata) Get(name string) (runtime.Object, error) {
	pod, err := p.pods.Get(name)
	if err != nil {
		return nil, err
	}
	return metadata(pod), nil
}

func metadataOf(pods []*corev1.Pod, err error) ([]runtime.Object, error) {
	out := make([]runtime.Object, 0, len(pods))
	for _, pod := range pods {
		out = append(out, metadata(pod))
	}
	return out, err
}

// metadata shares its maps with pod.
func metadata(pod *corev1.Pod) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{ObjectMeta: pod.ObjectMeta}
}
