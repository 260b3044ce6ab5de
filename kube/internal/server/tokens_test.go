package server

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
)

// serverWithToken is one that has started once.
func serverWithToken(t *testing.T, client kubernetes.Interface, shared pki.Bootstrap) *controlPlane {
	t.Helper()
	p := &controlPlane{client: client}
	p.cfg.DataDir = t.TempDir()
	p.store = pki.New(p.cfg.ServerDir("tls"), p.cfg.AgentDir(), pki.Names{NodeName: "n", ClusterIP: net.IPv4(10, 43, 0, 1), Domain: "cluster.local"})
	p.store.Etcd = true
	if shared != nil {
		if err := p.store.KeepBootstrap(shared); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.store.Ensure(); err != nil {
		t.Fatal(err)
	}
	p.restarted(t, "first")
	return p
}

func (p *controlPlane) restarted(t *testing.T, given string) string {
	t.Helper()
	if err := pki.EnsureTokens(p.cfg.ServerDir(), p.store.CertFile(pki.ServerCA), given, ""); err != nil {
		t.Fatal(err)
	}
	secrets, err := p.joinSecrets()
	if err != nil {
		t.Fatal(err)
	}
	return secrets.Server
}

func TestOtherServersTakeOverAChangedToken(t *testing.T) {
	client := fake.NewClientset()
	one := serverWithToken(t, client, nil)
	shared, err := one.store.Bootstrap()
	if err != nil {
		t.Fatal(err)
	}
	two := serverWithToken(t, client, shared)
	if err := two.followToken(t.Context()); err != nil || two.restarted(t, "first") != "first" {
		t.Fatalf("%v; want nothing to do", err)
	}
	var old *corev1.ConfigMap
	for i, secret := range []string{"second", "third"} {
		if err := one.tellToken(t.Context(), toldToken{uint64(i + 1), secret}); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := two.followToken(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		// Whatever its configuration still has.
		if got := two.restarted(t, "first"); got != secret {
			t.Errorf("the token is %q; want %q", got, secret)
		}
	}
	kept, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), tokenMap, metav1.GetOptions{})
	if err != nil || strings.Contains(string(kept.BinaryData[tokenKey]), "third") {
		t.Errorf("%v, %v; want it sealed", kept, err)
	}
	two.restarted(t, "a new one of its own")
	if err := two.followToken(t.Context()); err != nil || two.restarted(t, "") != "third" {
		t.Errorf("%v; want the cluster's token to count", err)
	}
	if old, err = client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(t.Context(), tokenMap, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := one.tellToken(t.Context(), toldToken{3, "fourth"}); err != nil {
		t.Fatal(err)
	}
	if err := two.followToken(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Whoever may write ConfigMaps cannot bring back a token that was changed because others know it.
	if _, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Update(t.Context(), old, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := two.followToken(t.Context()); err == nil || two.restarted(t, "") != "fourth" {
		t.Errorf("%v; want the old ConfigMap refused", err)
	}
	stranger := serverWithToken(t, client, nil)
	if err := stranger.followToken(t.Context()); err == nil || stranger.restarted(t, "") != "first" {
		t.Errorf("%v; want what another cluster has sealed refused", err)
	}
}

func TestRotateTokenOfOneServer(t *testing.T) {
	p := serverWithToken(t, fake.NewClientset(), nil)
	for _, text := range []string{"", "first", "node:x", "abcdef.0123456789abcdef", "K10nonsense", "K10" + strings.Repeat("0", 64) + "::server:hush"} {
		_, err := p.rotateToken(t.Context(), text)
		if wrong, ok := err.(*supervisor.Refusal); !ok || strings.Contains(wrong.Reason, "hush") {
			t.Errorf("%q: %v; want it refused", text, err)
		}
	}
	if unreached, err := p.rotateToken(t.Context(), "second"); err != nil || len(unreached) > 0 {
		t.Fatal(unreached, err)
	}
	if got := p.restarted(t, "first"); got != "second" {
		t.Errorf("the token is %q; want second", got)
	}
	info, err := os.Stat(filepath.Join(p.cfg.ServerDir(), "token"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v; want it for root only", info, err)
	}
}
