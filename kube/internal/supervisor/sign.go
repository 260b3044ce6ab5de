package supervisor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
)

func (s *supervisor) sign(w http.ResponseWriter, r *http.Request, name string) {
	request, ips, err := readRequest(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	node := r.Header.Get(HeaderName)
	// For each of them: one that names no node would outlive a node that was taken out.
	if status, err := s.mayBe(r, node, ips); err != nil {
		fmt.Fprintf(os.Stderr, "k3s: %s of node %q is not signed for %s: %v\n", name, node, r.RemoteAddr, err)
		http.Error(w, err.Error(), status)
		return
	}
	signed, err := s.Store.Sign(name, node, ips, request)
	if err != nil {
		http.Error(w, fmt.Sprintf("the certificate cannot be signed: %v", err), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(os.Stderr, "k3s: signed %s of node %q for %s\n", name, node, r.RemoteAddr)
	_, _ = w.Write(signed)
}

func readRequest(w http.ResponseWriter, r *http.Request) (request *x509.CertificateRequest, ips []net.IP, err error) {
	if ips, err = parseIPs(r.Header.Get(HeaderIP)); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", HeaderIP, err)
	}
	der, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		request, err = x509.ParseCertificateRequest(der)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("expected a certificate request in DER: %w", err)
	}
	return request, ips, nil
}

// mayBe tells whether whoever asks may call itself by the name of a node, at these addresses. A certificate of that
// node is not enough: a machine that was replaced still has one.
func (s *supervisor) mayBe(r *http.Request, node string, ips []net.IP) (status int, err error) {
	if problem := nameProblem(node); problem != "" {
		return http.StatusBadRequest, fmt.Errorf("%s: %s", HeaderName, problem)
	}
	if what := s.Store.Names.OwnOf(node, ips); what != "" {
		return http.StatusForbidden, fmt.Errorf("%s is the server's own: give this machine another name (hostname) or"+
			" address (--node-ip)", what)
	}
	passwords := s.Passwords()
	if passwords == nil {
		return http.StatusServiceUnavailable, errors.New(notReady)
	}
	check := passwords.Check
	if visitorOf(r) == aNode {
		check = passwords.Recheck
	}
	err = check(r.Context(), node, r.Header.Get(HeaderPassword))
	var other *OtherMachineError
	switch {
	case err == nil:
		return s.refuseServers(r, ips)
	case errors.As(err, &other), errors.Is(err, errNotJoined):
		return http.StatusForbidden, err
	default:
		return http.StatusServiceUnavailable, fmt.Errorf("the API does not keep the node's password: %w", err)
	}
}

// refuseServers refuses addresses of the other servers: with a certificate for one, a node could pass for that server.
func (s *supervisor) refuseServers(r *http.Request, ips []net.IP) (status int, err error) {
	servers, err := s.Servers(r.Context())
	if err != nil {
		return http.StatusServiceUnavailable, fmt.Errorf("the API does not say which addresses are those of servers: %w", err)
	}
	for _, server := range servers {
		host, _, err := net.SplitHostPort(server)
		if err != nil {
			return http.StatusInternalServerError, err
		}
		if ip := net.ParseIP(host); ip != nil && slices.ContainsFunc(ips, ip.Equal) {
			return http.StatusForbidden, fmt.Errorf("%s is the address of a server: give this machine another one (--node-ip)", host)
		}
	}
	return 0, nil
}

func parseIPs(text string) (ips []net.IP, err error) {
	for s := range strings.SplitSeq(text, ",") {
		if s == "" {
			continue
		}
		ip := net.ParseIP(s)
		if ip == nil {
			return nil, fmt.Errorf("%q is no address", s)
		}
		ips = append(ips, ip)
	}
	return ips, nil
}
