// Package supervisor answers the machines that join, on the port of the API and in the words of k3s: what the cluster
// is like, and signatures under their certificates.
package supervisor

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"

	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/token"
)

// Where machines ask. The paths, headers and users are k3s's.
const (
	PathCACerts  = "/cacerts"
	PathPing     = "/ping"
	PathPrefix   = "/v1-k3s/"
	PathConfig   = PathPrefix + "config"
	PathServers  = PathPrefix + "apiservers"
	PathReady    = PathPrefix + "readyz"
	PathServerCA = PathPrefix + "server-ca.crt"
	PathClientCA = PathPrefix + "client-ca.crt"
	// What only servers ask.
	PathBootstrap = PathPrefix + "server-bootstrap"
	pathDatastore = "/db/"
	PathMembers   = pathDatastore + "members"
	PathPromote   = pathDatastore + "promote"
	// PathToken takes a NewToken, and tells servers whether they have the token that counts.
	PathToken = PathPrefix + "token"
	// How Secrets are encrypted.
	PathEncryptionStatus = PathPrefix + "encrypt/status"
	PathEncryption       = PathPrefix + "encrypt/config"
	PathEncryptionKeys   = PathPrefix + "encrypt/keys"
	// PathSnapshot takes a snapshots.Request.
	PathSnapshot = pathDatastore + "snapshot"

	HeaderName     = "k3s-Node-Name"
	HeaderPassword = "k3s-Node-Password"
	HeaderIP       = "k3s-Node-IP"
)

// A ClusterConfig is what a node has to know of its cluster. Its JSON has the fields that k3s's agents read, too.
type ClusterConfig struct {
	HTTPSPort       int
	SupervisorPort  int
	ClusterIPRange  *net.IPNet
	ClusterIPRanges []*net.IPNet
	ServiceIPRange  *net.IPNet
	ServiceIPRanges []*net.IPNet
	ClusterDNS      net.IP
	ClusterDNSs     []net.IP
	ClusterDomain   string
	FlannelBackend  string
	// FlannelExternalIP is whether nodes reach each other at the external addresses.
	FlannelExternalIP bool
	DisableKubeProxy  bool
	// ServesDNS is whether a resolver for pods runs in the cluster. It is not one of k3s's.
	ServesDNS          bool
	DisableCCM         bool
	DisableNPC         bool
	EgressSelectorMode string
}

// Secrets are those of the tokens. They are the same if agents have none of their own.
type Secrets struct{ Server, Agent string }

// Options are what the answers are made of.
type Options struct {
	Store   *pki.Store
	Secrets func() (Secrets, error)
	Config  ClusterConfig
	// Servers returns HOST:PORT of every server that can be asked for the API.
	Servers func(context.Context) []string
	// Members is the datastore of several servers; nil if it is not one.
	Members MemberKeeper
	// Shared is whether other servers may have the same datastore, and so the authorities.
	Shared bool
	// Snapshots answers administrators; nil if the datastore has none.
	Snapshots http.Handler
	// Passwords returns nil until the API is ready.
	Passwords func() PasswordKeeper
	// Bootstrap tells whether a text is a bootstrap token of the cluster, with which agents may join now. It is not
	// asked before the API is ready.
	Bootstrap func(ctx context.Context, token string) (bool, error)
	// RotateToken makes another secret the one of servers, on all of them, and names those that do not answer.
	RotateToken func(ctx context.Context, secret string) (unreached []string, err error)
	// Encryption is that of Secrets.
	Encryption EncryptionKeeper
}

// A MemberKeeper is a member of the datastore that is asked for others.
type MemberKeeper interface {
	AddMember(ctx context.Context, name, peerURL string) (initialCluster string, err error)
	PromoteMember(ctx context.Context, name string) error
}

// A NewMember is the body of a request about a member of the datastore.
type NewMember struct{ Name, PeerURL string }

// A PasswordKeeper knows the password of each node.
type PasswordKeeper interface {
	// Check compares the password with that of the node, or keeps it if the node has none. It returns an
	// OtherMachineError if it is a different one.
	Check(ctx context.Context, node, password string) error
	// Recheck is Check for a node that has joined before: one without a password is an error, too.
	Recheck(ctx context.Context, node, password string) error
}

// How many machines are answered at the same time, as with k3s. Others are told to come again.
const (
	readers = 20
	writers = 10
	retryIn = "2" // seconds
	maxBody = 64 << 10
)

const (
	notReady   = "the API is not ready yet: ask again"
	wrongToken = "the token is not that of this cluster"
)

// New answers what is asked of the supervisor, and leaves the rest to next.
func New(o Options, next http.Handler) http.Handler {
	s := &supervisor{Options: o, reading: make(chan struct{}, readers), writing: make(chan struct{}, writers)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+PathCACerts, s.file(pki.ServerCA))
	mux.HandleFunc("GET "+PathPing, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") })
	mux.Handle("GET "+PathReady, s.known(s.ready))
	mux.Handle("GET "+PathServerCA, s.known(s.file(pki.ServerCA)))
	mux.Handle("GET "+PathClientCA, s.known(s.file(pki.ClientCA)))
	mux.Handle("GET "+PathConfig, s.known(func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Config) }))
	mux.Handle("GET "+PathServers, s.known(func(w http.ResponseWriter, r *http.Request) { answer(w, s.Servers(r.Context())) }))
	if o.Shared {
		mux.Handle("GET "+PathBootstrap, s.servers(s.bootstrap))
	}
	if o.Members != nil {
		mux.Handle("POST "+PathMembers, s.servers(s.addMember))
		mux.Handle("POST "+PathPromote, s.servers(s.promoteMember))
	}
	if !o.Shared {
		mux.Handle(PathBootstrap, s.servers(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "the cluster has one server, which stores in SQLite: restart that with --cluster-init", http.StatusConflict)
		}))
	}
	mux.Handle("PUT "+PathToken, s.servers(s.rotateToken))
	mux.Handle("GET "+PathToken, s.servers(s.ready))
	if o.Encryption != nil {
		mux.Handle("GET "+PathEncryptionStatus, s.servers(s.encryptionStatus))
		mux.Handle("PUT "+PathEncryption, s.servers(s.changeEncryption))
		mux.Handle("GET "+PathEncryptionKeys, s.servers(s.encryptionKeys))
		mux.Handle("PUT "+PathEncryptionKeys, s.servers(s.applyEncryption))
	}
	snapshots := o.Snapshots
	if snapshots == nil {
		reason := "this server stores in SQLite, which has no snapshots: stop k3s and copy state.db and state.db-wal in" +
			" server/db, or restart it with --cluster-init"
		if o.Shared {
			reason = "the objects are in a database of yours: save them by its own means"
		}
		snapshots = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, reason, http.StatusConflict) })
	}
	mux.Handle(PathSnapshot, s.administrators(snapshots.ServeHTTP))
	for _, name := range pki.NodeLeaves() {
		mux.Handle("POST "+PathPrefix+name+".crt", s.known(func(w http.ResponseWriter, r *http.Request) { s.sign(w, r, name) }))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == PathCACerts, r.URL.Path == PathPing,
			strings.HasPrefix(r.URL.Path, PathPrefix), strings.HasPrefix(r.URL.Path, pathDatastore):
			mux.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

type supervisor struct {
	Options
	reading, writing chan struct{}
}

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

func (s *supervisor) bootstrap(w http.ResponseWriter, _ *http.Request) {
	b, err := s.Store.Bootstrap()
	if err != nil {
		http.Error(w, "the server cannot read its authorities: ask again", http.StatusServiceUnavailable)
		return
	}
	answer(w, b)
}

// aboutMember answers a request about a member of the datastore. Where ask fails, the machine asks again.
func aboutMember(w http.ResponseWriter, r *http.Request, refused string, ask func(NewMember) (string, error)) {
	var m NewMember
	if !decoded(w, r, "a member", &m) {
		return
	}
	said, err := ask(m)
	if err != nil {
		http.Error(w, fmt.Sprintf("%s: %v", refused, err), http.StatusServiceUnavailable)
		return
	}
	answer(w, said)
}

// addMember looks at the name first: a member that is refused later, when it keeps its name, counts for the majority
// and does not run.
func (s *supervisor) addMember(w http.ResponseWriter, r *http.Request) {
	if node := r.Header.Get(HeaderName); node != "" {
		if status, err := s.mayBe(r, node, nil); err != nil {
			http.Error(w, err.Error(), status)
			return
		}
	}
	aboutMember(w, r, "etcd takes no member now", func(m NewMember) (string, error) {
		return s.Members.AddMember(r.Context(), m.Name, m.PeerURL)
	})
}

func (s *supervisor) promoteMember(w http.ResponseWriter, r *http.Request) {
	aboutMember(w, r, "etcd does not give the member a vote yet", func(m NewMember) (string, error) {
		return "ok", s.Members.PromoteMember(r.Context(), m.Name)
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

func (s *supervisor) file(authority string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		pem, err := os.ReadFile(s.Store.CertFile(authority))
		if err != nil {
			http.Error(w, "the server has no authority yet: ask again", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write(pem)
	}
}

func (s *supervisor) ready(w http.ResponseWriter, _ *http.Request) {
	if s.Passwords() == nil {
		http.Error(w, notReady, http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok")
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = json.NewEncoder(w).Encode(value)
}
