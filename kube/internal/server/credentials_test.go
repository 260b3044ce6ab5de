package server

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"

	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/pki/pkitest"
)

// Nothing but Ensure is called, as keepCredentials calls it in a server that is never restarted.
func TestAYearPassesForAServer(t *testing.T) {
	cfg := parse(t)
	cfg.DataDir, cfg.WriteKubeconfig = t.TempDir(), filepath.Join(t.TempDir(), "k3s.yaml")
	store := pki.New(cfg.ServerDir("tls"), cfg.AgentDir(), pki.Names{
		NodeName: "n", NodeIPs: []net.IP{net.IPv4(10, 0, 0, 2)}, ClusterIP: net.IPv4(10, 43, 0, 1), Domain: "cluster.local",
	})
	store.Etcd = true
	c := ownCredentials{cfg, store}
	first, err := c.Ensure()
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(store.CertFile(pki.ServerCA))
	if err != nil {
		t.Fatal(err)
	}
	for _, left := range []time.Duration{pki.RenewBefore - time.Hour, time.Hour, -time.Hour} {
		aged := pkitest.Age(t, store.Server, store.Server, left) + pkitest.Age(t, store.Agent, store.Server, left)
		if aged != len(first) {
			t.Fatalf("%d leaves have aged; want all %d", aged, len(first))
		}
		if renewed, err := c.Ensure(); err != nil || len(renewed) != len(first) {
			t.Fatalf("%s before the end it renewed %v, %v; want all of %v", left, renewed, err, first)
		}
		if again, err := c.Ensure(); err != nil || len(again) > 0 {
			t.Errorf("renewed again: %v, %v", again, err)
		}
		admin, err := clientcmd.LoadFromFile(cfg.WriteKubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		chain, err := cert.ParseCertsPEM(admin.AuthInfos["default"].ClientCertificateData)
		if err != nil || time.Until(chain[0].NotAfter) < pki.RenewBefore {
			t.Errorf("the administrator's kubeconfig: %v, %v; want the new certificate in it", chain, err)
		}
	}
	if now, err := os.ReadFile(store.CertFile(pki.ServerCA)); err != nil || !bytes.Equal(now, authority) {
		t.Errorf("%v; want the authority kept", err)
	}
}
