package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/token"
)

// complete reads the tokens' files, and checks tokens and address.
func (j *Join) complete(src Source) error {
	if err := completeToken(src, "--token", &j.Token, j.TokenFile); err != nil {
		return err
	}
	if err := completeToken(src, "--agent-token", &j.AgentToken, j.AgentTokenFile); err != nil {
		return err
	}
	if j.ServerURL == "" {
		return nil
	}
	u, err := url.Parse(j.ServerURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return errors.New("--server: expected the address of a server such as https://server.example:6443," +
			" with https and without a path or a user")
	}
	// What net/url takes for granted, in full.
	port := u.Port()
	if port == "" {
		port = "443"
	}
	j.ServerURL = "https://" + net.JoinHostPort(u.Hostname(), port)
	return nil
}

func completeToken(src Source, flag string, text *string, file string) error {
	if *text != "" && file != "" {
		return fmt.Errorf("%s and %s-file exclude each other: give one", flag, flag)
	}
	if file != "" {
		flag += "-file"
		b, err := fs.ReadFile(src.Files, rooted(file))
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		if *text = strings.TrimSpace(string(b)); *text == "" {
			return fmt.Errorf("%s: %s is empty: write a token into it, or leave the flag out", flag, file)
		}
	}
	// A line of a file ends in what is no part of it, also where YAML or an environment file has it.
	if *text = strings.TrimSpace(*text); *text == "" {
		return nil
	}
	if _, err := token.Parse(*text); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// check looks at what every machine has.
func (n *Node) check() error {
	if err := checkAddresses("node-ip", n.NodeIP); err != nil {
		return err
	}
	if err := checkAddresses("node-external-ip", n.NodeExternalIP); err != nil {
		return err
	}
	for flag, names := range map[string][]string{"node-internal-dns": n.NodeInternalDNS, "node-external-dns": n.NodeExternalDNS} {
		for _, name := range names {
			if len(validation.IsDNS1123Subdomain(name)) > 0 {
				return fmt.Errorf("--%s: expected a DNS name, got %q", flag, name)
			}
		}
	}
	if err := checkAddresses("bind-address", nonEmpty(n.BindAddress)); err != nil {
		return err
	}
	switch n.Snapshotter {
	case "", "overlayfs", "native":
	default:
		return fmt.Errorf("--snapshotter %s is not supported by this build: use overlayfs or native", n.Snapshotter)
	}
	for _, l := range n.NodeLabels {
		if !strings.Contains(l, "=") {
			return fmt.Errorf("--node-label: expected KEY=VALUE, got %q", l)
		}
	}
	for _, t := range n.NodeTaints {
		if !strings.Contains(t, ":") {
			return fmt.Errorf("--node-taint: expected KEY=VALUE:EFFECT, got %q", t)
		}
	}
	return nil
}

// check fills in the defaults that depend on other values, and looks at the rest.
func (c *ControlPlane) check() error {
	if len(c.ClusterCIDR) == 0 {
		c.ClusterCIDR = []string{"10.42.0.0/16"}
	}
	if len(c.ServiceCIDR) == 0 {
		c.ServiceCIDR = []string{"10.43.0.0/16"}
	}
	for _, check := range []func() error{c.checkNetwork, c.checkStorage, c.Snapshots.check, c.checkAccess} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) checkNetwork() error {
	for flag, cidrs := range map[string][]string{"cluster-cidr": c.ClusterCIDR, "service-cidr": c.ServiceCIDR} {
		for _, c := range cidrs {
			if p, err := netip.ParsePrefix(c); err != nil {
				return fmt.Errorf("--%s: expected a network such as 10.42.0.0/16, got %q", flag, c)
			} else if p.Addr().Is6() {
				return fmt.Errorf("--%s %s: IPv6 is not supported by this build yet", flag, c)
			}
		}
	}
	if err := checkAddresses("cluster-dns", c.ClusterDNS); err != nil {
		return err
	}
	if err := checkAddresses("advertise-address", nonEmpty(c.AdvertiseAddress)); err != nil {
		return err
	}
	if c.HTTPSListenPort < 1 || c.HTTPSListenPort > 65535 {
		return fmt.Errorf("--https-listen-port: expected a port between 1 and 65535, got %d", c.HTTPSListenPort)
	}
	switch c.FlannelBackend {
	case "vxlan", "host-gw", "wireguard-native", "none":
	default:
		return fmt.Errorf("--flannel-backend %s is not supported by this build: use vxlan, host-gw, wireguard-native or none", c.FlannelBackend)
	}
	if c.FlannelExternalIP && (c.FlannelBackend == "host-gw" || c.FlannelBackend == "none") {
		return fmt.Errorf("--flannel-external-ip: --flannel-backend=%s leads to no external addresses; use wireguard-native or vxlan", c.FlannelBackend)
	}
	switch c.egressSelectorMode {
	case "disabled", "agent", "cluster", "pod":
	default:
		return fmt.Errorf("--egress-selector-mode: expected disabled, got %q", c.egressSelectorMode)
	}
	return nil
}

// checkStorage looks at where volumes and the API's objects are, and how Secrets among these are encrypted.
func (c *ControlPlane) checkStorage() error {
	if p := c.LocalStoragePath; !filepath.IsAbs(p) || filepath.Clean(p) != p || p == "/" {
		return fmt.Errorf("--default-local-storage-path: expected an absolute path such as /mnt/volumes, got %q", p)
	}
	if e := c.DatastoreEndpoint; e != "" && e != "sqlite" && !strings.HasPrefix(e, "sqlite://") && !c.HasExternalDatastore() {
		return fmt.Errorf("--datastore-endpoint %s: this build stores in SQLite, in PostgreSQL (postgres://…), in MySQL or MariaDB"+
			" (mysql://…), or in etcd of its own with --cluster-init", scheme(e))
	}
	for flag, file := range map[string]string{
		"cafile": c.DatastoreCAFile, "certfile": c.DatastoreCertFile, "keyfile": c.DatastoreKeyFile,
	} {
		if file != "" && !c.HasExternalDatastore() {
			return fmt.Errorf("--datastore-%s is about a database on another machine: give --datastore-endpoint, too, or drop it", flag)
		}
	}
	if (c.DatastoreCertFile == "") != (c.DatastoreKeyFile == "") {
		return errors.New("--datastore-certfile and --datastore-keyfile belong together: give both")
	}
	if p := c.SecretsEncryptionProvider; !slices.Contains(encryption.Providers, p) {
		return fmt.Errorf("--secrets-encryption-provider: expected %s, got %q", strings.Join(encryption.Providers, " or "), p)
	}
	own := func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "encryption-provider-config")
	}
	if c.SecretsEncryption && slices.ContainsFunc(c.APIServerArgs, own) {
		return errors.New("--secrets-encryption and --kube-apiserver-arg=encryption-provider-config exclude each other: give one")
	}
	return nil
}

// checkAccess looks at who may use the API, and by which names.
func (c *ControlPlane) checkAccess() error {
	if !c.tlsSANSecurity {
		return errors.New("--tls-san-security=false: a certificate of this build does not take on names by itself;" +
			" list them with --tls-san")
	}
	if c.WriteKubeconfigMode != "" {
		// YAML reads an unquoted 0644 as octal, which arrives here as 420.
		if _, err := strconv.ParseUint(c.WriteKubeconfigMode, 8, 12); err != nil || c.WriteKubeconfigMode == "420" {
			return fmt.Errorf("--write-kubeconfig-mode: expected an octal mode such as \"644\" (in a file: with quotes), got %q", c.WriteKubeconfigMode)
		}
	}
	return nil
}

func (s Snapshots) check() error {
	if _, err := cron.ParseStandard(s.Schedule); err != nil {
		return fmt.Errorf("--etcd-snapshot-schedule-cron: expected a schedule of cron such as \"0 */12 * * *\", got %q: %w",
			s.Schedule, err)
	}
	if err := CheckSnapshotName("--etcd-snapshot-name", s.Name); err != nil {
		return err
	}
	if err := s.CheckPlace(); err != nil {
		return err
	}
	return s.S3.check()
}

// CheckPlace looks at what a request may set, too: where snapshots are, and how many are kept.
func (s Snapshots) CheckPlace() error {
	if s.Retention < 0 {
		return fmt.Errorf("--etcd-snapshot-retention: expected a number of snapshots, got %d", s.Retention)
	}
	if s.Dir != "" && !filepath.IsAbs(s.Dir) {
		return fmt.Errorf("--etcd-snapshot-dir: expected an absolute path, got %q", s.Dir)
	}
	return nil
}

// snapshotName is of what a user may choose: it must be a name of a file, whatever comes after it.
var snapshotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CheckSnapshotName looks at what the names of snapshots are to begin with, by this flag.
func CheckSnapshotName(flag, name string) error {
	if !snapshotName.MatchString(name) {
		return fmt.Errorf("%s: expected letters, digits, ., - and _, beginning with a letter or a digit, got %q", flag, name)
	}
	return nil
}

func (s S3) check() error {
	switch {
	case !s.Enabled:
		return nil
	case s.Bucket == "":
		return errors.New("--etcd-s3-bucket is missing: --etcd-s3 needs the name of a bucket")
	case s.Endpoint == "" || strings.Contains(s.Endpoint, "/"):
		return fmt.Errorf("--etcd-s3-endpoint: expected HOST or HOST:PORT, got %q", s.Endpoint)
	case (s.AccessKey == "") != (s.SecretKey == ""):
		return errors.New("--etcd-s3-access-key and --etcd-s3-secret-key belong together: give both, or none of them")
	case s.BucketLookup != "auto" && s.BucketLookup != "dns" && s.BucketLookup != "path":
		return fmt.Errorf("--etcd-s3-bucket-lookup-type: expected auto, dns or path, got %q", s.BucketLookup)
	case s.Timeout <= 0:
		return fmt.Errorf("--etcd-s3-timeout: expected a time such as 5m, got %s", s.Timeout)
	case s.Retention < 0:
		return fmt.Errorf("--etcd-s3-retention: expected a number of snapshots, got %d", s.Retention)
	}
	if u, err := url.Parse(s.Proxy); s.Proxy != "" && (err != nil || u.Host == "") {
		return errors.New("--etcd-s3-proxy: expected a URL such as http://proxy.example:3128")
	}
	return nil
}

func checkAddresses(flag string, addresses []string) error {
	for _, a := range addresses {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("--%s: expected an IP address, got %q", flag, a)
		}
	}
	return nil
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// scheme keeps the credentials of a datastore endpoint out of an error.
func scheme(endpoint string) string {
	s, _, found := strings.Cut(endpoint, "://")
	if !found {
		return "without ://"
	}
	return s
}
