package pki

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/util/cert"
	"k8s.io/kubernetes/cmd/kubeadm/app/util/pkiutil"

	"k3os.io/kube/internal/files"
)

func nodeLeaf(name string, node Names) (leaf, error) {
	for _, l := range leavesOf(node) {
		if l.agent && l.name == name {
			return l, nil
		}
	}
	return leaf{}, fmt.Errorf("a node has no certificate %q", name)
}

// Sign returns, in PEM, the certificate of that name for a node, and the authority that signed it. Only the public key
// of the request counts: what the certificate says follows from its name and from the node.
func (s *Store) Sign(name, nodeName string, nodeIPs []net.IP, request *x509.CertificateRequest) ([]byte, error) {
	l, err := nodeLeaf(name, Names{NodeName: nodeName, NodeIPs: nodeIPs})
	if err != nil {
		return nil, err
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("the request is not signed by its own key: %w", err)
	}
	ca, err := s.authority(l.ca)
	if err != nil {
		return nil, err
	}
	c, err := s.sign(l, ca, publicHalf{request.PublicKey})
	if err != nil {
		return nil, err
	}
	return append(pkiutil.EncodeCertPEM(c), pkiutil.EncodeCertPEM(ca.cert)...), nil
}

// publicHalf stands for a key that somebody else has.
type publicHalf struct{ key crypto.PublicKey }

func (p publicHalf) Public() crypto.PublicKey { return p.key }

func (publicHalf) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("the private half is elsewhere")
}

// A NodeStore is the directory of a node's certificates, which the servers of its cluster sign.
type NodeStore struct {
	Dir   string // agent
	Names Names  // NodeName and NodeIPs
	now   func() time.Time
}

// NewNodeStore returns the store without touching the disk.
func NewNodeStore(dir, nodeName string, nodeIPs []net.IP) *NodeStore {
	return &NodeStore{dir, Names{NodeName: nodeName, NodeIPs: nodeIPs}, time.Now}
}

// NodeLeaves are the names of a node's certificates.
func NodeLeaves() (names []string) {
	for _, l := range leavesOf(Names{}) {
		if l.agent {
			names = append(names, l.name)
		}
	}
	return names
}

// Due are the certificates that are missing, do not fit the node or its authorities, or hold for less than atLeast.
func (s *NodeStore) Due(atLeast time.Duration) (names []string) {
	for _, l := range leavesOf(s.Names) {
		if l.agent && !s.holds(l, atLeast) {
			names = append(names, l.name)
		}
	}
	return names
}

func (s *NodeStore) holds(l leaf, atLeast time.Duration) bool {
	c, k, err := pkiutil.TryLoadCertAndKeyFromDisk(s.Dir, l.name)
	if err != nil || !isPair(c, k) {
		return false
	}
	ca, err := pkiutil.TryLoadCertFromDisk(s.Dir, l.ca)
	if err != nil {
		return false
	}
	return fits(c, l, ca, s.now(), atLeast)
}

// Request makes a new key, and what a server signs for it, in DER.
func (s *NodeStore) Request() (key crypto.Signer, der []byte, err error) {
	if key, err = pkiutil.GeneratePrivateKey(keys); err != nil {
		return nil, nil, err
	}
	request, err := pkiutil.NewCSR(pkiutil.CertConfig{Config: cert.Config{CommonName: "system:node:" + s.Names.NodeName}}, key)
	if err != nil {
		return nil, nil, err
	}
	return key, request.Raw, nil
}

// Keep writes the key, and the certificate that a server has signed for it: the first one in signed, which is PEM. It
// fails if that is not the certificate that the node asked for.
func (s *NodeStore) Keep(name string, key crypto.Signer, signed []byte) error {
	l, err := nodeLeaf(name, s.Names)
	if err != nil {
		return err
	}
	chain, err := cert.ParseCertsPEM(signed)
	if err != nil {
		return fmt.Errorf("the server's answer is no certificate: %w", err)
	}
	ca, err := pkiutil.TryLoadCertFromDisk(s.Dir, l.ca)
	if err != nil {
		return err
	}
	if !isPair(chain[0], key) {
		return errors.New("the server has signed another key")
	}
	if !fits(chain[0], l, ca, s.now(), 0) {
		return fmt.Errorf("the server has signed another certificate, or one that does not hold now: it is for %q, from %s to %s,"+
			" and this machine's clock says %s", chain[0].Subject.CommonName, chain[0].NotBefore.Format(time.RFC3339),
			chain[0].NotAfter.Format(time.RFC3339), s.now().UTC().Format(Hour))
	}
	return write(filepath.Join(s.Dir, name+".crt"), filepath.Join(s.Dir, name+".key"), chain[0], key)
}

// Hour is precise enough for a clock that is wrong, and lets a message stay the same for a while.
const Hour = "2006-01-02 15:00Z"

// KeepAuthorities writes the authorities of the cluster, in PEM.
func (s *NodeStore) KeepAuthorities(serverCA, clientCA []byte) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	return errors.Join(
		files.Write(filepath.Join(s.Dir, ServerCA+".crt"), serverCA, 0o644),
		files.Write(filepath.Join(s.Dir, ClientCA+".crt"), clientCA, 0o644),
	)
}
