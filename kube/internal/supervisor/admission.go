package supervisor

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"os"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"

	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/token"
)

// seated lets only so many in at once.
func (s *supervisor) seated(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		seats := s.reading
		if r.Method != http.MethodGet {
			seats = s.writing
		}
		select {
		case seats <- struct{}{}:
			defer func() { <-seats }()
		default:
			w.Header().Set("Retry-After", retryIn)
			http.Error(w, "many machines are joining: ask again", http.StatusTooManyRequests)
			return
		}
		h(w, r)
	}
}

// known lets those in that have a token or a certificate of a node.
func (s *supervisor) known(h http.HandlerFunc) http.Handler { return s.admit(h, false) }

// admit lets in whom it can tell. Where only the token counts, or who joins anew, the certificate does not do.
func (s *supervisor) admit(h http.HandlerFunc, byToken bool) http.Handler {
	return s.seated(func(w http.ResponseWriter, r *http.Request) {
		who, status, err := s.authenticate(r, byToken || r.Method != http.MethodGet)
		if err != nil {
			http.Error(w, err.Error(), status)
			return
		}
		h(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, who)))
	})
}

// servers lets those in that have the token of servers. Until the API is ready, this server may not know yet that the
// token was changed.
func (s *supervisor) servers(h http.HandlerFunc) http.Handler {
	return s.admit(func(w http.ResponseWriter, r *http.Request) {
		switch who := visitorOf(r); {
		case who == aNode:
			http.Error(w, wrongToken, http.StatusUnauthorized)
		case who != aServer:
			http.Error(w, "the token is one of agents: a server joins with that in server/token", http.StatusForbidden)
		case s.Passwords() == nil:
			s.ready(w, r)
		default:
			h(w, r)
		}
	}, true)
}

// administrators lets those in that have the token of servers or the certificate of an administrator.
func (s *supervisor) administrators(h http.HandlerFunc) http.Handler {
	return s.seated(func(w http.ResponseWriter, r *http.Request) {
		if s.isAdministrator(r) {
			h(w, r)
			return
		}
		// Until the API is ready, this server may not know yet that the token was changed.
		if s.Passwords() == nil {
			s.ready(w, r)
			return
		}
		user, password, _ := r.BasicAuth()
		if secrets, err := s.Secrets(); err != nil || user != token.Server || !equal(password, secrets.Server) {
			http.Error(w, "only the token of servers or the administrator's certificate reaches snapshots", http.StatusForbidden)
			return
		}
		h(w, r)
	})
}

// isNode tells whether a certificate of a node of this cluster was shown.
func (s *supervisor) isNode(r *http.Request) bool {
	name := s.certified(r)
	return strings.HasPrefix(name.CommonName, "system:node:") && slices.Contains(name.Organization, user.NodesGroup)
}

func (s *supervisor) isAdministrator(r *http.Request) bool {
	return slices.Contains(s.certified(r).Organization, user.SystemPrivilegedGroup)
}

// certified is whom the certificate that was shown stands for; nobody if this cluster has not signed it.
func (s *supervisor) certified(r *http.Request) (name pkix.Name) {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return name
	}
	pem, err := os.ReadFile(s.Store.CertFile(pki.ClientCA))
	if err != nil {
		return name
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	c := r.TLS.PeerCertificates[0]
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return name
	}
	return c.Subject
}
