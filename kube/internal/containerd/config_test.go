package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	s := settings{
		Options: Options{Root: "/r", PauseImage: "p:1", Snapshotter: "overlayfs", CNIBinDirs: []string{"/a", "/b"}, CNIConfDir: "/c"},
		State:   StateDir, Address: Socket, CertsDir: "/certs.d", LogLevel: "warn",
		Runtimes: []Runtime{{"crun", "/usr/bin/crun"}}, DefaultRuntime: "crun",
		Auth: []registryAuth{{Host: "r.example", Username: "u", Password: `p"w`}},
	}
	dir := t.TempDir()
	out, err := render(dir, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"version = 3\n", `root = "/r"`, `bin_dirs = ["/a", "/b"]`, `BinaryName = "/usr/bin/crun"`, `sandbox = "p:1"`,
		`stats_collect_period = "10s"`, "conf_dir = \"/c\"\n  # One program less for each pod.\n  use_internal_loopback = true\n",
		"registry.configs.'r.example'.auth]\n  username = \"u\"\n  password = \"p\\\"w\"\n",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the configuration lacks %q:\n%s", want, out)
		}
	}
	s.NonrootDevices = true
	if out, err = render(dir, s); err != nil || !strings.Contains(string(out), "device_ownership_from_security_context = true") {
		t.Errorf("render = %q, %v; want devices for users", out, err)
	}

	user := "{{ template \"base\" . }}\n# for {{ .DefaultRuntime }}\n"
	if err := os.WriteFile(filepath.Join(dir, "config-v3.toml.tmpl"), []byte(user), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = render(dir, s)
	if err != nil || !strings.HasSuffix(string(out), "# for crun\n") || !strings.Contains(string(out), "version = 3") {
		t.Errorf("render with a user's template = %q, %v; want ours and the user's line", out, err)
	}
}

func TestWriteRegistries(t *testing.T) {
	for _, tt := range []struct {
		name, yaml  string
		mirrorsOnly bool
		files       map[string]string // below certs.d
		auth        []registryAuth
		err         string
	}{
		{name: "nothing"},
		{
			name: "mirror with TLS",
			yaml: `
mirrors:
  docker.io: {endpoint: ["https://m.example:5000"]}
configs:
  "m.example:5000":
    auth: {username: u, password: p}
    tls: {ca_file: /ca, cert_file: /c, key_file: /k, insecure_skip_verify: true}`,
			files: map[string]string{"docker.io": `server = "https://registry-1.docker.io"

[host."https://m.example:5000"]
  capabilities = ["pull", "resolve"]
  ca = "/ca"
  client = [["/c", "/k"]]
  skip_verify = true
`},
			auth: []registryAuth{{Host: "m.example:5000", Username: "u", Password: "p"}},
		},
		{
			name: "every registry, path kept",
			yaml: `mirrors: {"*": {endpoint: ["http://m/v2/cache"]}}`,
			files: map[string]string{"_default": `
[host."http://m/v2/cache"]
  capabilities = ["pull", "resolve"]
  override_path = true
`},
		},
		{
			name: "TLS without mirror",
			yaml: `configs: {r.example: {tls: {ca_file: /ca}}}`,
			files: map[string]string{"r.example": `server = "https://r.example"

[host."https://r.example"]
  capabilities = ["pull", "resolve"]
  ca = "/ca"
`},
		},
		{
			name:        "mirrors only",
			mirrorsOnly: true,
			yaml: `mirrors: {docker.io: {endpoint: [https://a, "https://b/path"]}, "*": {endpoint: [c]}, d: {}}
configs: {b: {tls: {ca_file: /ca}}}`,
			files: map[string]string{
				"docker.io": `server = "https://b/path"
capabilities = ["pull", "resolve"]
override_path = true
ca = "/ca"

[host."https://a"]
  capabilities = ["pull", "resolve"]
`,
				"_default": "server = \"https://c\"\ncapabilities = [\"pull\", \"resolve\"]\n",
				"d":        "server = \"https://d\"\n",
			},
		},
		{name: "rewrite", yaml: `mirrors: {a: {rewrite: {x: y}}}`, err: "mirrors.a.rewrite"},
		{name: "half a key pair", yaml: `configs: {a: {tls: {cert_file: /c}}}`, err: "belong together"},
		{name: "unknown key", yaml: `mirror: {}`, err: "unknown field"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "registries.yaml")
			if tt.yaml != "" {
				if err := os.WriteFile(file, []byte(tt.yaml), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			auth, err := writeRegistries(file, filepath.Join(dir, "certs.d"), tt.mirrorsOnly)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("got %v, want an error with %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(auth) != len(tt.auth) || len(auth) > 0 && auth[0] != tt.auth[0] {
				t.Errorf("credentials = %v; want %v", auth, tt.auth)
			}
			for name, want := range tt.files {
				got, err := os.ReadFile(filepath.Join(dir, "certs.d", name, "hosts.toml"))
				if err != nil || string(got) != want {
					t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}
