// Package pkitest lets time pass for certificates, in tests.
package pkitest

import (
	"crypto/rand"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"
)

// Age makes the leaves in dir hold for no longer than left, as if the rest of their life had passed. It signs them anew
// with the authorities in authorities, and returns how many there were.
func Age(t *testing.T, dir, authorities string, left time.Duration) (aged int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.crt"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(dir, "etcd", "*.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, more...) {
		old, err := pkiutil.TryLoadCertFromDisk(filepath.Dir(file), strings.TrimSuffix(filepath.Base(file), ".crt"))
		if err != nil {
			t.Fatal(err)
		}
		if old.IsCA {
			continue
		}
		old.NotAfter = time.Now().Add(left)
		var der []byte
		for _, name := range []string{"server-ca", "client-ca", "request-header-ca", "etcd/peer-ca"} {
			ca, key, err := pkiutil.TryLoadCertAndKeyFromDisk(authorities, name)
			if err != nil || old.CheckSignatureFrom(ca) != nil {
				continue
			}
			if der, err = x509.CreateCertificate(rand.Reader, old, ca, old.PublicKey, key); err != nil {
				t.Fatal(err)
			}
		}
		if der == nil {
			t.Fatalf("%s: its authority is not in %s", file, authorities)
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, pkiutil.EncodeCertPEM(c), 0o644); err != nil {
			t.Fatal(err)
		}
		aged++
	}
	return aged
}
