// Package supervisor answers the machines that join, on the port of the API and in the words of k3s: what the cluster
// is like, and signatures under their certificates.
package supervisor

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"k3os.io/kube/internal/pki"
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
	// DisabledParts are those that no server may run; nil if the server's build does not tell. It is not one of k3s's.
	DisabledParts []string
}

// Secrets are those of the tokens. They are the same if agents have none of their own.
type Secrets struct{ Server, Agent string }

// Options are what the answers are made of.
type Options struct {
	Store   *pki.Store
	Secrets func() (Secrets, error)
	Config  ClusterConfig
	// Servers returns HOST:PORT of every server that can be asked for the API. It fails rather than leave some out: a
	// node forgets those that it is not told of.
	Servers func(context.Context) ([]string, error)
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

	aloneInSQLite = "the cluster has one server, which stores in SQLite"
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
	mux.Handle("GET "+PathServers, s.known(s.listServers))
	if o.Shared {
		mux.Handle("GET "+PathBootstrap, s.servers(s.bootstrap))
	}
	if o.Members != nil {
		mux.Handle("POST "+PathMembers, s.servers(s.addMember))
		mux.Handle("POST "+PathPromote, s.servers(s.promoteMember))
	}
	if !o.Shared {
		mux.Handle(PathBootstrap, s.servers(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, aloneInSQLite+": restart that with --cluster-init", http.StatusConflict)
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
		reason := aloneInSQLite + ", and has no snapshots: stop k3s and copy state.db and state.db-wal in server/db, or restart" +
			" it with --cluster-init"
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

func (s *supervisor) bootstrap(w http.ResponseWriter, _ *http.Request) {
	b, err := s.Store.Bootstrap()
	if err != nil {
		http.Error(w, "the server cannot read its authorities: ask again", http.StatusServiceUnavailable)
		return
	}
	answer(w, b)
}

func (s *supervisor) listServers(w http.ResponseWriter, r *http.Request) {
	servers, err := s.Servers(r.Context())
	respond(w, servers, err)
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
