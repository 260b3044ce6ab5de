package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
)

// renewEvery is how often the certificates of a server that is never restarted are looked at.
const renewEvery = 12 * time.Hour

// keepCredentials makes or renews the credentials, and looks after them from then on.
func (p *controlPlane) keepCredentials(ctx context.Context) error {
	if _, err := p.credentials.Ensure(); err != nil {
		return err
	}
	p.start.credentialsThere.Reach()
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			written, err := p.credentials.Ensure()
			if len(written) > 0 {
				fmt.Fprintf(os.Stderr, "k3s: renewed the certificates %v\n", written)
			}
			if err != nil {
				fmt.Fprintf(os.Stderr, "k3s: cannot renew certificates: %v\n", err)
			}
		}
	}
}

// ownCredentials are signed by the authorities of this very server.
type ownCredentials struct {
	cfg   config.Server
	store *pki.Store
}

func (c ownCredentials) Kubeconfig(name string) string { return c.store.Kubeconfigs()[name] }

// Ensure is for nodes, components and the administrator.
func (c ownCredentials) Ensure() (written []string, err error) {
	if written, err = c.store.Ensure(); err != nil {
		return written, err
	}
	return written, c.describe()
}

// describe writes what names or contains the certificates.
func (c ownCredentials) describe() error {
	cfg, store := c.cfg, c.store
	if err := pki.EnsureTokens(cfg.ServerDir(), store.CertFile(pki.ServerCA), cfg.Token, cfg.AgentToken); err != nil {
		return err
	}
	if cfg.Token != "" && pki.IsRetired(cfg.ServerDir(), cfg.Token) {
		fmt.Fprintf(os.Stderr, "k3s: warning: --token is the one from before `k3s token rotate`, and does not count: the one in %s"+
			" does; correct the configuration\n", cfg.ServerDir("token"))
	}
	address := "127.0.0.1"
	if cfg.BindAddress != "" && !net.ParseIP(cfg.BindAddress).IsUnspecified() {
		address = cfg.BindAddress
	}
	url := fmt.Sprintf("https://%s", net.JoinHostPort(address, strconv.Itoa(cfg.HTTPSListenPort)))
	if err := store.WriteKubeconfigs(url); err != nil {
		return err
	}
	mode := os.FileMode(0o600)
	if cfg.WriteKubeconfigMode != "" {
		m, _ := strconv.ParseUint(cfg.WriteKubeconfigMode, 8, 12) // config has checked it
		mode = os.FileMode(m)
	}
	return store.WriteAdmin(cfg.WriteKubeconfig, url, mode, cfg.WriteKubeconfigGroup)
}

func newStore(cfg config.Server, host hostFacts) (*pki.Store, error) {
	cluster, err := cfg.APIServiceAddress()
	if err != nil {
		return nil, err
	}
	names := pki.Names{
		NodeName: host.NodeName, NodeIPs: host.NodeIPs,
		APIIPs: []net.IP{host.advertise}, ClusterIP: net.IP(cluster.AsSlice()), Domain: cfg.ClusterDomain,
	}
	for _, s := range slices.Concat(cfg.TLSSANs, cfg.NodeExternalIP, []string{bindAddress(cfg)}) {
		if ip := net.ParseIP(s); ip != nil && !ip.IsUnspecified() {
			names.APIIPs = append(names.APIIPs, ip)
		} else if ip == nil {
			names.APINames = append(names.APINames, s)
		}
	}
	return pki.New(cfg.ServerDir("tls"), cfg.AgentDir(), names), nil
}
