package containerd

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// registries is k3s's registries.yaml.
type registries struct {
	Mirrors map[string]struct {
		Endpoints []string          `json:"endpoint"`
		Rewrites  map[string]string `json:"rewrite"`
	} `json:"mirrors"`
	Configs map[string]struct {
		Auth *struct {
			Username      string `json:"username"`
			Password      string `json:"password"`
			Auth          string `json:"auth"`
			IdentityToken string `json:"identity_token"`
		} `json:"auth"`
		TLS *registryTLS `json:"tls"`
	} `json:"configs"`
}

type registryTLS struct {
	CAFile   string `json:"ca_file"`
	CertFile string `json:"cert_file"`
	KeyFile  string `json:"key_file"`
	Insecure bool   `json:"insecure_skip_verify"`
}

type registryAuth struct{ Host, Username, Password, Auth, IdentityToken string }

// writeRegistries turns registries.yaml into one hosts.toml per registry, which containerd reads at every pull, and
// returns the credentials, which only its main configuration can hold. With mirrorsOnly, a registry that has mirrors is
// never asked itself.
func writeRegistries(file, certsDir string, mirrorsOnly bool) ([]registryAuth, error) {
	if err := os.RemoveAll(certsDir); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r registries
	if err := yaml.UnmarshalStrict(b, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	hosts, err := r.hosts(mirrorsOnly)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for name, text := range hosts {
		dir := filepath.Join(certsDir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	var auth []registryAuth
	for host, c := range r.Configs {
		if a := c.Auth; a != nil {
			auth = append(auth, registryAuth{host, a.Username, a.Password, a.Auth, a.IdentityToken})
		}
	}
	sort.Slice(auth, func(i, j int) bool { return auth[i].Host < auth[j].Host })
	return auth, nil
}

// hosts returns the text of hosts.toml by the directory that it belongs in.
func (r registries) hosts(mirrorsOnly bool) (map[string]string, error) {
	out := map[string]string{}
	for name, m := range r.Mirrors {
		if len(m.Rewrites) > 0 {
			return nil, fmt.Errorf("mirrors.%s.rewrite: only k3s's own containerd rewrites names; mirror under the same names instead", name)
		}
		var b strings.Builder
		endpoints := m.Endpoints
		if last := len(endpoints) - 1; mirrorsOnly && last >= 0 {
			// containerd asks "server" after all hosts. Without that line it asks the registry itself.
			if err := r.server(&b, endpoints[last]); err != nil {
				return nil, fmt.Errorf("mirrors.%s.endpoint: %w", name, err)
			}
			endpoints = endpoints[:last]
		} else if u := upstream(name); u != "" {
			fmt.Fprintf(&b, "server = %q\n", u)
		}
		for _, e := range endpoints {
			if err := r.host(&b, e); err != nil {
				return nil, fmt.Errorf("mirrors.%s.endpoint: %w", name, err)
			}
		}
		dir := name
		if name == "*" {
			dir = "_default"
		}
		out[dir] = b.String()
	}
	// A registry without mirrors that has TLS settings needs a file of its own for them.
	for name, c := range r.Configs {
		if _, mirrored := out[name]; mirrored || c.TLS == nil {
			continue
		}
		var b strings.Builder
		fmt.Fprintf(&b, "server = %q\n", upstream(name))
		if err := r.host(&b, upstream(name)); err != nil {
			return nil, fmt.Errorf("configs.%s: %w", name, err)
		}
		out[name] = b.String()
	}
	return out, nil
}

// host writes the section of an address that is asked in its turn.
func (r registries) host(b *strings.Builder, endpoint string) error {
	u, err := address(endpoint)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "\n[host.%q]\n", u.String())
	return r.access(b, u, "  ")
}

// server writes the head of the file: the address that is asked last.
func (r registries) server(b *strings.Builder, endpoint string) error {
	u, err := address(endpoint)
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "server = %q\n", u.String())
	return r.access(b, u, "")
}

func address(endpoint string) (*url.URL, error) {
	full := endpoint
	if !strings.Contains(full, "://") {
		full = "https://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("expected an address such as https://registry.example.com:5000, got %q", endpoint)
	}
	return u, nil
}

// access writes how u is asked.
func (r registries) access(b *strings.Builder, u *url.URL, indent string) error {
	line := func(format string, args ...any) { fmt.Fprintf(b, indent+format+"\n", args...) }
	line(`capabilities = ["pull", "resolve"]`)
	if strings.Trim(u.Path, "/") != "" {
		line("override_path = true")
	}
	c, ok := r.Configs[u.Host]
	if !ok || c.TLS == nil {
		return nil
	}
	if c.TLS.CAFile != "" {
		line("ca = %q", c.TLS.CAFile)
	}
	switch {
	case c.TLS.CertFile != "" && c.TLS.KeyFile != "":
		line("client = [[%q, %q]]", c.TLS.CertFile, c.TLS.KeyFile)
	case c.TLS.CertFile != "" || c.TLS.KeyFile != "":
		return fmt.Errorf("configs.%s.tls: cert_file and key_file belong together", u.Host)
	}
	if c.TLS.Insecure {
		line("skip_verify = true")
	}
	return nil
}

func upstream(registry string) string {
	switch registry {
	case "*":
		return ""
	case "docker.io":
		return "https://registry-1.docker.io"
	}
	return "https://" + registry
}
