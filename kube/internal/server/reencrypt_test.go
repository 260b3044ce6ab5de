package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/supervisor"
)

func TestAllSecretsAreWrittenAnew(t *testing.T) {
	var objects []runtime.Object
	for i := range 5 {
		objects = append(objects, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("s", i)}})
	}
	client := fake.NewClientset(objects...)
	var written []string
	answers := map[string]error{
		"s1": apierrors.NewConflict(schema.GroupResource{Resource: "secrets"}, "s1", errors.New("somebody was faster")),
		"s3": apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, "s3"),
	}
	client.PrependReactor("update", "secrets", func(action clienttesting.Action) (bool, runtime.Object, error) {
		s := action.(clienttesting.UpdateAction).GetObject().(*corev1.Secret)
		written = append(written, s.Name)
		return true, s, answers[s.Name]
	})
	e := &secretsEncryption{client: client}
	err := e.rewrite(t.Context())
	slices.Sort(written)
	if err != nil || !slices.Equal(written, []string{"s0", "s1", "s2", "s3", "s4"}) || e.progress.done != 5 {
		t.Errorf("wrote %v, %v; want all, whoever else wrote some", written, err)
	}
	answers["s4"] = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "s4", errors.New("a webhook"))
	if err := e.rewrite(t.Context()); err == nil || !strings.Contains(err.Error(), "Secret s4 of namespace n0") {
		t.Errorf("%v; want the one that is refused", err)
	}
}

func TestApplyAllTellsWhoDoesNot(t *testing.T) {
	c := encryption.New(encryption.AESCBC, true)
	var got []string
	server := func(name string, err error) *encryptingServer {
		return &encryptingServer{name: name, content: []byte(name), apply: func(_ context.Context, keys supervisor.EncryptionKeys) error {
			if err == nil {
				got = append(got, string(keys.From))
			}
			return err
		}}
	}
	good, bad := server("good", nil), server("bad", errors.New("no"))
	if err := applyAll(t.Context(), []*encryptingServer{good, bad}, c); err == nil || err.Error() != "server bad: no" {
		t.Errorf("%v; want the server that does not", err)
	}
	// The next step is in the place of this one.
	if err := applyAll(t.Context(), []*encryptingServer{good}, c.WithNewKey()); err != nil || got[1] != string(marshalled(t, c)) {
		t.Errorf("%v; want it in the place of what the server has now", err)
	}
}

func TestOverADatabaseNoKeysAreChanged(t *testing.T) {
	enabled := true
	for _, e := range []*secretsEncryption{nil, {}} {
		p := &controlPlane{encryption: e}
		p.cfg.DatastoreEndpoint = "postgres://h/d"
		for what, err := range map[string]error{
			"change": encryptionKeeper{p}.Change(t.Context(), supervisor.EncryptionChange{Enable: &enabled}),
			"apply":  encryptionKeeper{p}.Apply(t.Context(), supervisor.EncryptionKeys{}),
		} {
			refusal, ok := err.(*supervisor.Refusal)
			if !ok || !strings.Contains(refusal.Reason, "over a database") {
				t.Errorf("%s: %v; want it refused with the reason", what, err)
			}
		}
	}
}
