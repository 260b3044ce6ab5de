package server

import (
	"errors"
	"net"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"k3os.io/kube/internal/etcd"
	"k3os.io/kube/internal/supervisor"
)

func TestAServerTellsOfAllServersOrOfNone(t *testing.T) {
	client := fake.NewClientset(&discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: metav1.NamespaceDefault, Name: "kubernetes", Labels: map[string]string{discoveryv1.LabelServiceName: "kubernetes"},
		},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{"192.0.2.1"}}, {Addresses: []string{"192.0.2.2"}}},
		Ports:     []discoveryv1.EndpointPort{{Port: ptr.To[int32](6443), Protocol: ptr.To(corev1.ProtocolTCP)}},
	})
	p := &controlPlane{client: client, members: &etcd.Member{}}
	p.host.advertise, p.cfg.HTTPSListenPort = net.IPv4(192, 0, 2, 2), 6443
	if got, err := p.servers(t.Context()); err == nil {
		t.Errorf("%v before the API is ready; want none", got)
	}
	p.passwords.Store(supervisor.NewPasswords(client))
	want := []string{"192.0.2.2:6443", "192.0.2.1:6443"}
	if got, err := p.servers(t.Context()); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	client.PrependReactor("list", "endpointslices", func(k8stesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("etcdserver: no leader")
	})
	if got, err := p.servers(t.Context()); err == nil {
		t.Errorf("%v while the datastore does not answer; want none", got)
	}
}
