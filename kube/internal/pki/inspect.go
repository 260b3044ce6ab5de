package pki

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/util/cert"

	"k3os.io/kube/internal/files"
)

// WarnBefore is k3s's rule: a certificate with less than this to live is pointed out.
const WarnBefore = 120 * 24 * time.Hour

// What a certificate is like at a time.
const (
	StatusOK          = "OK"
	StatusWarning     = "WARNING"
	StatusExpired     = "EXPIRED"
	StatusNotYetValid = "NOT YET VALID"
)

// A Certificate is what is told of one. Its JSON has k3s's names.
type Certificate struct {
	Filename     string // below the data directory
	Subject      string
	Issuer       string
	Usages       []string
	ExpiryTime   time.Time
	ResidualTime time.Duration
	Status       string
	IsCA         bool `json:"-"`
}

// services are k3s's names for leaves. A service of k3s that this build does not have has none.
var services = map[string][]string{
	"admin": {Admin}, "api-server": {APIServer, APIToKubelet}, "auth-proxy": {AuthProxy}, "cloud-controller": nil,
	"controller-manager": {ControllerManager}, "etcd": {EtcdPeer}, "k3s-controller": {K3sController}, "k3s-server": {APIServer},
	"kube-proxy": {KubeProxy}, "kubelet": {Kubelet, KubeletServing}, "scheduler": {Scheduler}, "supervisor": {Supervisor},
}

// Services are the names that Inspect and SetAside take.
func Services() (names []string) {
	for name := range services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// leavesOfServices are all leaves if no service is named.
func leavesOfServices(names []string) (leaves []string, err error) {
	if len(names) == 0 {
		names = Services()
	}
	for _, name := range names {
		of, ok := services[name]
		if !ok {
			return nil, fmt.Errorf("--service: expected some of %s, got %q", strings.Join(Services(), ", "), name)
		}
		for _, l := range of {
			if !slices.Contains(leaves, l) {
				leaves = append(leaves, l)
			}
		}
	}
	return leaves, nil
}

// certificateFiles are all below a data directory: a server's, and a node's.
func certificateFiles(dataDir string) (found []string, err error) {
	for _, pattern := range []string{"server/tls/*.crt", "server/tls/etcd/*.crt", "agent/*.crt"} {
		some, err := filepath.Glob(filepath.Join(dataDir, pattern))
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there are no certificates below %s: has k3s run here, are you root, or is it another --data-dir", dataDir)
	}
	return found, nil
}

// Inspect tells about the certificates of some services, or about all and the authorities if none is named. A file that
// is damaged costs itself alone.
func Inspect(dataDir string, names []string, now time.Time) (all []Certificate, damaged []error, err error) {
	found, err := certificateFiles(dataDir)
	if err != nil {
		return nil, nil, err
	}
	leaves, err := leavesOfServices(names)
	if err != nil {
		return nil, nil, err
	}
	for _, file := range found {
		if len(names) > 0 && !slices.ContainsFunc(leaves, func(l string) bool { return strings.HasSuffix(file, "/"+l+".crt") }) {
			continue
		}
		chain, err := cert.CertsFromFile(file)
		if err != nil {
			damaged = append(damaged, err)
			continue
		}
		name, err := filepath.Rel(dataDir, file)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range chain {
			all = append(all, describe(name, c, now))
		}
	}
	return all, damaged, nil
}

func describe(name string, c *x509.Certificate, now time.Time) Certificate {
	d := Certificate{
		Filename: name, Subject: c.Subject.CommonName, Issuer: c.Issuer.CommonName, Usages: usagesOf(c), IsCA: c.IsCA,
		ExpiryTime: c.NotAfter, ResidualTime: c.NotAfter.Sub(now), Status: StatusOK,
	}
	switch {
	case now.Before(c.NotBefore):
		d.Status = StatusNotYetValid
	case now.After(c.NotAfter):
		d.Status = StatusExpired
	case d.ResidualTime < WarnBefore:
		d.Status = StatusWarning
	}
	return d
}

func usagesOf(c *x509.Certificate) (usages []string) {
	if c.IsCA {
		usages = append(usages, "CertSign")
	}
	for _, u := range c.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageServerAuth:
			usages = append(usages, "ServerAuth")
		case x509.ExtKeyUsageClientAuth:
			usages = append(usages, "ClientAuth")
		}
	}
	return usages
}

// SetAside moves the leaves of some services, or all, to directories that it names, so that the next start makes new
// ones. Authorities stay. k3s must not run.
func SetAside(dataDir string, names []string, now time.Time) (moved, dirs []string, err error) {
	if _, err := certificateFiles(dataDir); err != nil {
		return nil, nil, err
	}
	leaves, err := leavesOfServices(names)
	if err != nil {
		return nil, nil, err
	}
	aside := fmt.Sprintf("tls-%d", now.Unix())
	for from, to := range map[string]string{"server/tls": "server/" + aside, "agent": "agent/" + aside} {
		to = filepath.Join(dataDir, to)
		did := false
		for _, l := range leaves {
			for _, ending := range []string{".crt", ".key"} {
				source, target := filepath.Join(dataDir, from, l+ending), filepath.Join(to, l+ending)
				if _, err := os.Lstat(source); errors.Is(err, fs.ErrNotExist) {
					continue
				}
				if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
					return moved, dirs, err
				}
				if err := os.Rename(source, target); err != nil {
					return moved, dirs, err
				}
				did = true
				if ending == ".crt" {
					moved = append(moved, l)
				}
			}
		}
		if did {
			dirs = append(dirs, to)
			for _, d := range []string{to, filepath.Join(dataDir, from)} {
				if err := files.SyncDir(d); err != nil {
					return moved, dirs, err
				}
			}
		}
	}
	if len(moved) == 0 {
		return nil, nil, fmt.Errorf("there is no certificate of %s below %s: are they set aside already? A start of k3s makes new ones",
			cmp.Or(strings.Join(names, ", "), "any service"), dataDir)
	}
	return moved, dirs, nil
}
