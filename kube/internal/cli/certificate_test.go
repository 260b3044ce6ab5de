package cli

import (
	"strings"
	"testing"

	"k3os.io/kube/internal/pki"
)

func TestNothingIsPromisedOfAnAuthority(t *testing.T) {
	for _, status := range []string{pki.StatusWarning, pki.StatusExpired} {
		leaf, authority := sentence(pki.Certificate{Status: status}), sentence(pki.Certificate{Status: status, IsCA: true})
		if strings.Contains(leaf, "authority") || !strings.Contains(authority, "found a new cluster") {
			t.Errorf("%s: %q and %q", status, leaf, authority)
		}
	}
}
