package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
)

type files map[string]string

func source(args []string, env map[string]string, f files) Source {
	fsys := fstest.MapFS{}
	for name, text := range f {
		fsys[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text)}
	}
	return Source{args, func(k string) string { return env[k] }, fsys}
}

const main = DefaultConfigFile

func TestParseMerges(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		env  map[string]string
		file files
		get  func(Server) any
		want any
	}{
		{"default", nil, nil, nil, func(s Server) any { return s.DataDir }, "/var/lib/rancher/k3s"},
		{"flag", []string{"--data-dir", "/d"}, nil, nil, func(s Server) any { return s.DataDir }, "/d"},
		{"flag with =", []string{"--data-dir=/d"}, nil, nil, func(s Server) any { return s.DataDir }, "/d"},
		{"short flag", []string{"-d", "/d"}, nil, nil, func(s Server) any { return s.DataDir }, "/d"},
		{"one dash, as Go's flags", []string{"-data-dir", "/d"}, nil, nil, func(s Server) any { return s.DataDir }, "/d"},
		{"file beats environment", nil, map[string]string{"K3S_NODE_NAME": "env"}, files{main: "node-name: file"}, func(s Server) any { return s.NodeName }, "file"},
		{"flag beats file", []string{"--node-name=flag"}, nil, files{main: "node-name: file"}, func(s Server) any { return s.NodeName }, "flag"},
		{"environment", nil, map[string]string{"K3S_TOKEN": "x"}, nil, func(s Server) any { return s.Token }, "x"},
		{"old environment", nil, map[string]string{"K3S_CLUSTER_SECRET": "x"}, nil, func(s Server) any { return s.Token }, "x"},
		{"a list on the command line replaces the file's", []string{"--node-label=c=3"}, nil, files{main: "node-label: [a=1, b=2]"}, func(s Server) any { return s.NodeLabels }, []string{"c=3"}},
		{"a list with commas", []string{"--disable", "coredns,foo", "--disable=bar"}, nil, nil, func(s Server) any { return s.Disable }, []string{"coredns", "foo", "bar"}},
		{"an argument keeps its commas", []string{"--kube-apiserver-arg=enable-admission-plugins=A,B"}, nil, nil, func(s Server) any { return s.APIServerArgs }, []string{"enable-admission-plugins=A,B"}},
		{"a drop-in replaces", nil, nil, files{main: "tls-san: [a]", main + ".d/10.yaml": "tls-san: [b]"}, func(s Server) any { return s.TLSSANs }, []string{"b"}},
		{"a drop-in appends", nil, nil, files{main: "tls-san: [a]", main + ".d/10.yaml": "tls-san+: [b]", main + ".d/20.yaml": "tls-san+: c"}, func(s Server) any { return s.TLSSANs }, []string{"a", "b", "c"}},
		{"a file appends to itself", nil, nil, files{main: "tls-san+: [b]\ntls-san: [a]"}, func(s Server) any { return s.TLSSANs }, []string{"a", "b"}},
		{"drop-ins without a file", nil, nil, files{main + ".d/b.yaml": "node-name: b", main + ".d/a.yaml": "node-name: a"}, func(s Server) any { return s.NodeName }, "b"},
		{"another file", []string{"-c", "/x.yaml"}, nil, files{"/x.yaml": "node-name: x", main: "node-name: y"}, func(s Server) any { return s.NodeName }, "x"},
		{"another file by environment", nil, map[string]string{"K3S_CONFIG_FILE": "/x.yaml"}, files{"/x.yaml": "node-name: x"}, func(s Server) any { return s.NodeName }, "x"},
		{"a number in a file", nil, nil, files{main: "https-listen-port: 7443"}, func(s Server) any { return s.HTTPSListenPort }, 7443},
		{"an octal mode in a file", nil, nil, files{main: `write-kubeconfig-mode: "0644"`}, func(s Server) any { return s.WriteKubeconfigMode }, "0644"},
		{"a boolean in a file", nil, nil, files{main: "disable-kube-proxy: true"}, func(s Server) any { return s.DisableKubeProxy }, true},
		{"a boolean flag takes no word", []string{"--disable-kube-proxy", "--node-name", "n"}, nil, nil, func(s Server) any { return s.NodeName }, "n"},
		{"an unsupported key that is off", nil, nil, files{main: "rootless: false"}, func(s Server) any { return s.NodeName }, ""},
		{"the old name of --disable", []string{"--no-deploy", "traefik", "--no-deploy=coredns"}, nil, nil, func(s Server) any { return s.Disable }, []string{"traefik", "coredns"}},
		{"a flag without effect and its value", []string{"--servicelb-namespace", "x", "--node-name", "n"}, nil, nil, func(s Server) any { return s.NodeName }, "n"},
		{"a token file", []string{"--token-file", "/t"}, nil, files{"/t": "secret\n"}, func(s Server) any { return s.Token }, "secret"},
		{"a token that is a block of YAML", nil, nil, files{main: "token: |\n  secret\nagent-token: |\n  other\n"}, func(s Server) any { return s.Token + " " + s.AgentToken }, "secret other"},
		{"a token that is a long number", nil, nil, files{main: "token: 1234567890123456789"}, func(s Server) any { return s.Token }, "1234567890123456789"},
		{"a component's verbosity is everybody's", []string{"--kubelet-arg=v=3", "--kubelet-arg=max-pods=5"}, nil, nil, func(s Server) any { return []any{s.Verbose, s.KubeletArgs} }, []any{3, []string{"max-pods=5"}}},
		{"DNS follows the services", []string{"--service-cidr=10.96.0.0/12"}, nil, nil, func(s Server) any { a, _ := s.DNSAddress(); return a.String() }, "10.96.0.10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, _, err := Parse(source(tt.args, tt.env, tt.file))
			if err != nil {
				t.Fatal(err)
			}
			if got := tt.get(s); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %#v, want %#v", got, tt.want)
			}
		})
	}
}

func TestParseExplains(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		file files
		want string
	}{
		{"typing mistake", []string{"--node-lable=a=b"}, nil, "did you mean --node-label?"},
		{"far from anything", []string{"--xyzzy"}, nil, "--xyzzy is not a flag of k3s"},
		{"known, not supported", []string{"--docker"}, nil, "--docker is a flag of k3s that this build does not support"},
		{"joining without a token", []string{"--server", "https://a:6443"}, nil, "--token (K3S_TOKEN) is missing"},
		{"beginning and joining", []string{"--server", "https://a:6443", "--token=x", "--cluster-init"}, nil, "give one of them"},
		{"another provider", []string{"--secrets-encryption-provider=rot13"}, nil, "expected aescbc or secretbox"},
		{"encryption twice", []string{"--secrets-encryption", "--kube-apiserver-arg=encryption-provider-config=/x"}, nil, "exclude each other"},
		{"encryption with a database", []string{"--secrets-encryption", "--datastore-endpoint=mysql://user:secret@tcp(host)/"}, nil, "encryption-provider-config=FILE"},
		{"two datastores", []string{"--datastore-endpoint=sqlite", "--cluster-init"}, nil, "exclude each other"},
		{"a word", []string{"node"}, nil, `"node" is not a flag`},
		{"unsupported in a file", nil, files{main: "rootless: true"}, main + ": rootless is a flag of k3s that this build does not support"},
		{"unknown in a file", nil, files{main: "node-nam: x"}, "did you mean --node-name?"},
		{"a broken file", nil, files{main: "a: [b"}, main + ": "},
		{"a list where a value belongs", nil, files{main: "node-name: [a, b]"}, "expected one value, got a list of 2"},
		{"a map", nil, files{main: "node-name: {a: b}"}, "expected a value or a list of values"},
		{"a missing file that was named", []string{"--config=/no.yaml"}, nil, "/no.yaml does not exist"},
		{"no network", []string{"--cluster-cidr=10.42"}, nil, "expected a network such as"},
		{"no address", []string{"--node-ip=host"}, nil, "expected an IP address"},
		{"no port", []string{"--https-listen-port=0"}, nil, "between 1 and 65535"},
		{"no number", []string{"--https-listen-port=x"}, nil, "https-listen-port"},
		{"another datastore", []string{"--datastore-endpoint=nats://user:secret@host"}, nil, "--datastore-endpoint nats: this build stores in SQLite"},
		{"a datastore that is no URL", []string{"--datastore-endpoint=user:secret@host"}, nil, "--datastore-endpoint without ://: this build"},
		{"a database and etcd", []string{"--datastore-endpoint=mysql://user:secret@tcp(host)/", "--cluster-init"}, nil, "exclude each other"},
		{"TLS of no database", []string{"--datastore-cafile=/ca.pem"}, nil, "--datastore-cafile is about a database"},
		{"a certificate without a key", []string{"--datastore-endpoint=postgres://host", "--datastore-certfile=/c.pem"}, nil, "belong together"},
		{"another backend", []string{"--flannel-backend=ipsec"}, nil, "not supported by this build"},
		{"external addresses by routes", []string{"--flannel-backend=host-gw", "--flannel-external-ip"}, nil, "leads to no external addresses"},
		{"a label without value", []string{"--node-label=a"}, nil, "expected KEY=VALUE"},
		{"a mode that YAML has read", nil, files{main: "write-kubeconfig-mode: 0644"}, "with quotes"},
		{"a snapshot's name that is a path", []string{"--etcd-snapshot-name=a/b"}, nil, "--etcd-snapshot-name: expected letters"},
		{"no time for S3", []string{"--etcd-s3", "--etcd-s3-bucket=b", "--etcd-s3-timeout=0s"}, nil, "--etcd-s3-timeout: expected a time"},
		{"two tokens", []string{"--token=a", "--token-file=/b"}, nil, "exclude each other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := Parse(source(tt.args, nil, tt.file))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
			if err != nil && strings.Contains(strings.NewReplacer("--secrets-encryption", "", "secretbox", "").Replace(err.Error()), "secret") {
				t.Errorf("%v tells a secret", err)
			}
		})
	}
}

func TestParseHelp(t *testing.T) {
	if _, _, err := Parse(source([]string{"--help"}, nil, nil)); !errors.Is(err, ErrHelp) {
		t.Errorf("got %v, want ErrHelp", err)
	}
	var b strings.Builder
	WriteHelp(&b, RoleServer)
	for _, want := range []string{"--node-label", "$K3S_TOKEN", "Examples:", "(default 6443)"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the help does not mention %q", want)
		}
	}
	if strings.Contains(b.String(), "--disable-agent") {
		t.Error("the help mentions the hidden --disable-agent")
	}
}

func TestEveryFlagHasOneAnswer(t *testing.T) {
	f := newFlagSet(RoleServer, &Server{}, new(string))
	for name, a := range unsupported {
		if _, harmless := withoutEffect[name]; f.Lookup(name) != nil || harmless {
			t.Errorf("%s is both supported and not", name)
		}
		if a.reason == "" {
			t.Errorf("%s is refused without a reason", name)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, tt := range []struct{ word, want string }{
		{"tokn", "token"}, {"kubelet-args", "kubelet-arg"}, {"zzzzzz", ""},
	} {
		if got := nearest(tt.word, []string{"token", "token-file", "kubelet-arg"}); got != tt.want {
			t.Errorf("nearest(%q) = %q; want %q", tt.word, got, tt.want)
		}
	}
}
