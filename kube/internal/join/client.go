// Package join makes a machine a node of a cluster whose servers are elsewhere.
package join

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// requestTimeout is for one answer of a server that may be small and busy.
const requestTimeout = 30 * time.Second

// A client asks a server of the cluster. It trusts the cluster's authority alone, which it learns by the hash in the
// token, or, if that has none, from the first answer.
type client struct {
	server   string // https://HOST:PORT
	token    token.Token
	store    *pki.NodeStore
	password string
	http     *http.Client
}

// An answerError is what a server says no with.
type answerError struct {
	status int
	text   string
}

func (e *answerError) Error() string { return e.text }

// An awayError says that nobody answers, so there is nobody whose word counts.
type awayError struct{ text string }

func (e *awayError) Error() string { return e.text }

// A strangerError says that whoever answers is no server of this cluster, so its word does not count, either.
type strangerError struct{ text string }

func (e *strangerError) Error() string { return e.text }

func away(format string, args ...any) error { return &awayError{fmt.Sprintf(format, args...)} }

// trust makes the client trust the cluster's authority: the one that it has kept, unless the token names another.
func (c *client) trust(ctx context.Context) error {
	pem, err := os.ReadFile(filepath.Join(c.store.Dir, pki.ServerCA+".crt"))
	if err != nil || c.token.CheckAuthority(pem) != nil {
		if pem, err = c.firstContact(ctx); err != nil {
			return err
		}
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return fmt.Errorf("%s answers %s with something else than certificates: is it a server of k3s?", c.server, supervisor.PathCACerts)
	}
	c.http = httpClient(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, GetClientCertificate: c.certificate})
	return nil
}

// certificate is the node's own, with which it stays in the cluster when its token has expired or was changed. A
// machine that has not joined shows none.
func (c *client) certificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	file := filepath.Join(c.store.Dir, pki.Kubelet)
	pair, err := tls.LoadX509KeyPair(file+".crt", file+".key")
	if err != nil {
		return &tls.Certificate{}, nil
	}
	return &pair, nil
}

// firstContact fetches the authority from a server that nothing is known of, and compares it with the token.
func (c *client) firstContact(ctx context.Context) ([]byte, error) {
	anybody := httpClient(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) // the hash tells
	defer anybody.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+supervisor.PathCACerts, nil)
	if err != nil {
		return nil, err
	}
	pem, err := send(anybody, request)
	if err != nil {
		return nil, err
	}
	return pem, c.token.CheckAuthority(pem)
}

func httpClient(config *tls.Config) *http.Client {
	return &http.Client{Timeout: requestTimeout, Transport: &http.Transport{
		TLSClientConfig: config, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 15 * time.Second,
	}}
}

func (c *client) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.server+path, nil)
	if err != nil {
		return nil, err
	}
	return c.ask(request)
}

func (c *client) getJSON(ctx context.Context, path string, into any) error {
	b, err := c.get(ctx, path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// sign asks for a certificate with the node's name and addresses.
func (c *client) sign(ctx context.Context, name string, der []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server+supervisor.PathPrefix+name+".crt", bytes.NewReader(der))
	if err != nil {
		return nil, err
	}
	var ips []string
	for _, ip := range c.store.Names.NodeIPs {
		ips = append(ips, ip.String())
	}
	request.Header.Set(supervisor.HeaderName, c.store.Names.NodeName)
	request.Header.Set(supervisor.HeaderPassword, c.password)
	request.Header.Set(supervisor.HeaderIP, strings.Join(ips, ","))
	return c.ask(request)
}

func (c *client) ask(request *http.Request) ([]byte, error) {
	user := c.token.User
	if user == "" {
		user = token.Node
	}
	if c.token.User == "" && token.IsBootstrap(c.token.Secret) {
		request.Header.Set("Authorization", "Bearer "+c.token.Secret)
	} else {
		request.SetBasicAuth(user, c.token.Secret)
	}
	return send(c.http, request)
}

// send returns the body of an answer that says yes. Other ends of the request become one sentence.
func send(h *http.Client, request *http.Request) ([]byte, error) {
	response, err := h.Do(request)
	if err != nil {
		return nil, explain(request.URL, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return nil, explain(request.URL, err)
	}
	if response.StatusCode == http.StatusOK {
		return body, nil
	}
	text := strings.TrimSpace(string(body))
	if response.StatusCode == http.StatusNotFound || !isSentence(text) {
		text = fmt.Sprintf("%s answers %s with %q: is it a server of k3s?", request.URL.Host, request.URL.Path, response.Status)
	}
	return nil, &answerError{response.StatusCode, text}
}

// isSentence tells whether a text may be shown: whoever sent it may be anybody.
func isSentence(text string) bool {
	return text != "" && len(text) < 500 && !strings.ContainsAny(text, "<{") && !strings.ContainsFunc(text, unicode.IsControl)
}

// explain says why there is no answer, in the words of whoever has to mend it.
func explain(u *url.URL, err error) error {
	var (
		dns     *net.DNSError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		timeout net.Error
	)
	host := u.Host
	switch {
	case errors.As(err, &dns):
		return away("the name %s is not known: check --server, or the name server of this machine (%s)", dns.Name, dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return away("nothing listens at %s: is the server running, and is the port right", host)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return away("there is no way to %s: check the network of this machine", host)
	case errors.As(err, &unknown):
		return &strangerError{fmt.Sprintf("%s belongs to another cluster than before, or something between ends TLS: if the"+
			" cluster was made anew, remove server-ca.crt in the directory agent of --data-dir", host)}
	case errors.As(err, &name):
		return fmt.Errorf("the certificate of the server is not for %s: add --tls-san=%s to the server", u.Hostname(), u.Hostname())
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s does not hold now: this machine's clock says %s, and the certificate is for %s to %s",
			host, time.Now().UTC().Format(pki.Hour), invalid.Cert.NotBefore.Format(time.RFC3339), invalid.Cert.NotAfter.Format(time.RFC3339))
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, new(tls.RecordHeaderError)):
		return fmt.Errorf("%s does not speak TLS: is the port right", host)
	case errors.As(err, &timeout) && timeout.Timeout():
		return away("%s does not answer: is it on, and does a firewall let the port through", host)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return away("%s cannot be asked: %v", host, err)
}
