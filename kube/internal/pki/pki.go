// Package pki keeps a server's certificates, in k3s's layout: three authorities that are made once and kept, and leaf
// certificates that are renewed in place. Every consumer names the files, not their contents, and Kubernetes reloads
// files that change, so renewing needs no restart.
package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/keyutil"
	kubeadm "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"

	"k3os.io/kube/internal/files"
)

const (
	// RenewBefore is k3s's rule: a certificate with less than this to live is replaced.
	RenewBefore = 90 * 24 * time.Hour
	leafLife    = 365 * 24 * time.Hour
	caLife      = 10 * 365 * 24 * time.Hour
	// backdate lets a node whose clock lags a little trust what another has just signed.
	backdate = time.Hour
	// keys are ECDSA: RSA ones take seconds on a small machine.
	keys = kubeadm.EncryptionAlgorithmECDSAP256
)

// Authorities, named by their files in server/tls.
const (
	ServerCA        = "server-ca"
	ClientCA        = "client-ca"
	RequestHeaderCA = "request-header-ca"
	// EtcdPeerCA is that of etcd's members.
	EtcdPeerCA = "etcd/peer-ca"
)

// authorities are those of a cluster of one server.
var authorities = []string{ServerCA, ClientCA, RequestHeaderCA}

// Leaf certificates, named by their files.
const (
	APIServer         = "serving-kube-apiserver"
	APIToKubelet      = "client-kube-apiserver"
	AuthProxy         = "client-auth-proxy"
	Admin             = "client-admin"
	ControllerManager = "client-controller"
	Scheduler         = "client-scheduler"
	Supervisor        = "client-supervisor"
	KubeProxy         = "client-kube-proxy"
	K3sController     = "client-k3s-controller"
	Kubelet           = "client-kubelet"
	KubeletServing    = "serving-kubelet"
	ServiceAccountKey = "service.key"
	EtcdPeer          = "etcd/peer-server-client"
)

// ControllerUser is whom K3sController names: what a node does besides kubelet and kube-proxy.
const ControllerUser = "system:k3s-controller"

// A Store is the directories that hold a server's certificates.
type Store struct {
	Server string // server/tls
	Agent  string // agent
	Names  Names
	// Etcd is whether this server is a member of etcd, which takes an authority more.
	Etcd bool
	now  func() time.Time
}

// Names are what the certificates are about.
type Names struct {
	NodeName  string
	NodeIPs   []net.IP
	APINames  []string // further DNS names of the API
	APIIPs    []net.IP // further addresses of the API
	ClusterIP net.IP
	Domain    string
}

func (n Names) api() cert.AltNames {
	return cert.AltNames{
		DNSNames: append([]string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"kubernetes.default.svc." + n.Domain, "localhost", n.NodeName}, n.APINames...),
		IPs: append(append([]net.IP{n.ClusterIP, net.IPv4(127, 0, 0, 1), net.IPv6loopback}, n.NodeIPs...), n.APIIPs...),
	}
}

// OwnOf is the first of these that the API is reached by, and that so is no other node's; "" if there is none.
func (n Names) OwnOf(nodeName string, ips []net.IP) string {
	api := n.api()
	if slices.ContainsFunc(api.DNSNames, func(own string) bool { return strings.EqualFold(own, nodeName) }) {
		return nodeName
	}
	for _, ip := range ips {
		if ip.IsLoopback() || ip.IsUnspecified() || slices.ContainsFunc(api.IPs, ip.Equal) {
			return ip.String()
		}
	}
	return ""
}

type leaf struct {
	name, ca     string
	agent        bool // belongs to the node, not to the server
	commonName   string
	organization []string
	usages       []x509.ExtKeyUsage
	alt          cert.AltNames
}

// New returns the store without touching the disk.
func New(serverTLS, agentDir string, names Names) *Store {
	return &Store{Server: serverTLS, Agent: agentDir, Names: names, now: time.Now}
}

func (s *Store) leaves() []leaf {
	all := leavesOf(s.Names)
	if s.Etcd {
		both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		all = append(all, leaf{EtcdPeer, EtcdPeerCA, false, "etcd-peer", nil, both, peerNames(s.Names)})
	}
	return all
}

func (s *Store) authorities() []string {
	if s.Etcd {
		return append(slices.Clone(authorities), EtcdPeerCA)
	}
	return authorities
}

// peerNames are those of a member of etcd.
func peerNames(n Names) cert.AltNames {
	return cert.AltNames{DNSNames: []string{n.NodeName, "localhost"}, IPs: append([]net.IP{net.IPv4(127, 0, 0, 1)}, n.NodeIPs...)}
}

func leavesOf(n Names) []leaf {
	const masters = "system:masters"
	client, server := []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	api := n.api()
	// Nothing that the API is reached by: one authority signs both, and every node has such a certificate.
	node := cert.AltNames{DNSNames: []string{n.NodeName}, IPs: n.NodeIPs}
	return []leaf{
		{APIServer, ServerCA, false, "kube-apiserver", nil, server, api},
		{APIToKubelet, ClientCA, false, "system:apiserver", []string{masters}, client, cert.AltNames{}},
		{AuthProxy, RequestHeaderCA, false, "system:auth-proxy", nil, client, cert.AltNames{}},
		{Admin, ClientCA, false, "system:admin", []string{masters}, client, cert.AltNames{}},
		{ControllerManager, ClientCA, false, "system:kube-controller-manager", nil, client, cert.AltNames{}},
		{Scheduler, ClientCA, false, "system:kube-scheduler", nil, client, cert.AltNames{}},
		{Supervisor, ClientCA, false, "system:k3s-supervisor", []string{masters}, client, cert.AltNames{}},
		{KubeProxy, ClientCA, true, "system:kube-proxy", nil, client, cert.AltNames{}},
		{K3sController, ClientCA, true, ControllerUser, nil, client, cert.AltNames{}},
		{Kubelet, ClientCA, true, "system:node:" + n.NodeName, []string{"system:nodes"}, client, cert.AltNames{}},
		{KubeletServing, ServerCA, true, "system:node:" + n.NodeName, []string{"system:nodes"}, server, node},
	}
}

// Ensure makes what is missing and renews what expires within RenewBefore, no longer matches Names, or was signed by
// another authority. It reports the names of the leaves that it wrote. It is safe to call at any time.
func (s *Store) Ensure() (written []string, err error) {
	for _, d := range []string{s.Server, filepath.Join(s.Server, "etcd"), s.Agent} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, fmt.Errorf("cannot create the certificates' directory: %w", err)
		}
	}
	// At once, since most of the time goes into syncing small files, and a file system syncs many in one step.
	names := s.authorities()
	cas := make([]*authority, len(names))
	var g errgroup.Group
	for i, name := range names {
		g.Go(func() (err error) {
			if cas[i], err = s.authority(name); err != nil {
				return fmt.Errorf("certificate authority %s: %w", name, err)
			}
			return nil
		})
	}
	g.Go(func() error {
		if err := s.serviceAccountKey(); err != nil {
			return fmt.Errorf("service account key: %w", err)
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	leaves := s.leaves()
	fresh := make([]bool, len(leaves))
	for i, l := range leaves {
		ca := cas[slices.Index(names, l.ca)]
		g.Go(func() (err error) {
			if fresh[i], err = s.leaf(l, ca); err != nil {
				return fmt.Errorf("certificate %s: %w", l.name, err)
			}
			return nil
		})
	}
	g.Go(s.shareAuthorities)
	err = g.Wait()
	for i, l := range leaves {
		if fresh[i] {
			written = append(written, l.name)
		}
	}
	return written, err
}

type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (s *Store) authority(name string) (*authority, error) {
	c, k, err := pkiutil.TryLoadCertAndKeyFromDisk(s.Server, name)
	if err == nil {
		if s.now().After(c.NotAfter) {
			return nil, fmt.Errorf("%s expired on %s; check the clock, or move %s away to found a new cluster",
				s.CertFile(name), c.NotAfter.Format(time.DateOnly), s.Server)
		}
		return &authority{c, k}, nil
	}
	if !errors.Is(err, os.ErrNotExist) && pkiutil.CertOrKeyExist(s.Server, name) {
		return nil, err
	}
	c, k, err = pkiutil.NewCertificateAuthority(&pkiutil.CertConfig{
		Config: cert.Config{
			CommonName: fmt.Sprintf("k3s-%s@%d", strings.ReplaceAll(name, "/", "-"), s.now().Unix()),
			NotBefore:  s.now().Add(-backdate),
		},
		NotAfter:            s.now().Add(caLife),
		EncryptionAlgorithm: keys,
	})
	if err != nil {
		return nil, err
	}
	return &authority{c, k}, write(s.CertFile(name), s.KeyFile(name), c, k)
}

func (s *Store) leaf(l leaf, ca *authority) (fresh bool, err error) {
	dir := s.dir(l)
	if c, k, err := pkiutil.TryLoadCertAndKeyFromDisk(dir, l.name); err == nil && isPair(c, k) && s.good(c, l, ca) {
		return false, nil
	}
	k, err := pkiutil.GeneratePrivateKey(keys)
	if err != nil {
		return false, err
	}
	c, err := s.sign(l, ca, k)
	if err != nil {
		return false, err
	}
	return true, write(filepath.Join(dir, l.name+".crt"), filepath.Join(dir, l.name+".key"), c, k)
}

// isPair tells whether the certificate is for the key. After a power cut, one of them may be of before.
func isPair(c *x509.Certificate, k crypto.Signer) bool {
	public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
	return ok && public.Equal(c.PublicKey)
}

func (s *Store) sign(l leaf, ca *authority, key crypto.Signer) (*x509.Certificate, error) {
	return pkiutil.NewSignedCert(&pkiutil.CertConfig{
		Config: cert.Config{
			CommonName:   l.commonName,
			Organization: l.organization,
			AltNames:     l.alt,
			Usages:       l.usages,
			NotBefore:    s.now().Add(-backdate),
		},
		NotAfter:            s.now().Add(leafLife),
		EncryptionAlgorithm: keys,
	}, key, ca.cert, ca.key, false)
}

func (s *Store) good(c *x509.Certificate, l leaf, ca *authority) bool {
	return fits(c, l, ca.cert, s.now(), RenewBefore)
}

// fits tells whether a certificate says what it should, was signed by ca, and holds now and for atLeast.
func fits(c *x509.Certificate, l leaf, ca *x509.Certificate, now time.Time, atLeast time.Duration) bool {
	if c.CheckSignatureFrom(ca) != nil || c.Subject.CommonName != l.commonName {
		return false
	}
	if now.Before(c.NotBefore) || now.Add(atLeast).After(c.NotAfter) {
		return false
	}
	for _, name := range l.alt.DNSNames {
		if c.VerifyHostname(name) != nil {
			return false
		}
	}
	for _, ip := range l.alt.IPs {
		if c.VerifyHostname(ip.String()) != nil {
			return false
		}
	}
	return true
}

// serviceAccountKey signs the tokens of service accounts; it has no expiry, and a new one would void every token.
func (s *Store) serviceAccountKey() error {
	file := filepath.Join(s.Server, ServiceAccountKey)
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	k, err := pkiutil.GeneratePrivateKey(keys)
	if err != nil {
		return err
	}
	pem, err := keyutil.MarshalPrivateKeyToPEM(k)
	if err != nil {
		return err
	}
	return files.Write(file, pem, 0o600)
}

// shareAuthorities puts the public halves where the node looks for them.
func (s *Store) shareAuthorities() error {
	for _, name := range []string{ServerCA, ClientCA} {
		b, err := os.ReadFile(s.CertFile(name))
		if err != nil {
			return err
		}
		if err := files.Write(filepath.Join(s.Agent, name+".crt"), b, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) dir(l leaf) string {
	if l.agent {
		return s.Agent
	}
	return s.Server
}

// CertFile is the path of a certificate of the server's.
func (s *Store) CertFile(name string) string { return filepath.Join(s.Server, name+".crt") }

// KeyFile is the path of a key of the server's.
func (s *Store) KeyFile(name string) string { return filepath.Join(s.Server, name+".key") }

func write(certFile, keyFile string, c *x509.Certificate, k crypto.Signer) error {
	pem, err := keyutil.MarshalPrivateKeyToPEM(k)
	if err != nil {
		return err
	}
	if err := files.Write(keyFile, pem, 0o600); err != nil {
		return err
	}
	return files.Write(certFile, pkiutil.EncodeCertPEM(c), 0o644)
}
