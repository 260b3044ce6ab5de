package config

import (
	"strings"
	"testing"
)

// The flags of k3s as of November 2026, with deprecated and hidden ones. serverFlags are those of `k3s server` alone,
// nodeFlags those that `k3s agent` has, too.
const (
	serverFlags = `
	advertise-address advertise-port agent-token agent-token-file apiserver-bind-address apiserver-port
	cluster-cidr cluster-dns cluster-domain cluster-init cluster-reset cluster-reset-restore-path cluster-secret
	datastore-cafile datastore-certfile datastore-endpoint datastore-keyfile default-local-storage-path disable
	disable-agent disable-apiserver disable-cloud-controller disable-controller-manager disable-etcd
	disable-helm-controller disable-kube-proxy disable-network-policy disable-scheduler egress-selector-mode
	embedded-registry enable-pprof etcd-arg etcd-disable-snapshots etcd-expose-metrics etcd-s3
	etcd-s3-access-key etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-config-secret etcd-s3-endpoint
	etcd-s3-endpoint-ca etcd-s3-folder etcd-s3-insecure etcd-s3-proxy etcd-s3-region etcd-s3-retention
	etcd-s3-secret-key etcd-s3-session-token etcd-s3-skip-ssl-verify etcd-s3-timeout etcd-snapshot-compress
	etcd-snapshot-dir etcd-snapshot-name etcd-snapshot-reconcile-interval etcd-snapshot-restrictions
	etcd-snapshot-retention etcd-snapshot-schedule-cron flannel-backend flannel-external-ip flannel-ipv6-masq
	helm-controller-arg helm-job-image https-listen-port kine-tls kube-apiserver-arg kube-cloud-controller-arg
	kube-cloud-controller-manager-arg kube-controller-arg kube-controller-manager-arg kube-scheduler-arg
	no-deploy no-flannel secrets-encryption secrets-encryption-provider service-cidr service-node-port-range
	servicelb-namespace supervisor-metrics supervisor-port system-default-registry tls-san tls-san-security
	write-kubeconfig write-kubeconfig-group write-kubeconfig-mode`
	nodeFlags = `
	airgap-extra-registry alsologtostderr bind-address config container-runtime-endpoint data-dir debug
	default-runtime disable-apiserver-lb disable-default-registry-endpoint disable-selinux docker
	flannel-cni-conf flannel-conf flannel-iface image-credential-provider-bin-dir
	image-credential-provider-config image-service-endpoint kube-proxy-arg kubelet-arg lb-server-port log
	node-external-dns node-external-ip node-internal-dns node-ip node-label node-name node-taint nonroot-devices
	pause-image prefer-bundled-bin private-registry protect-kernel-defaults resolv-conf rootless selinux server
	snapshotter token token-file v vmodule vpn-auth vpn-auth-file with-node-id`
)

func TestEveryFlagOfK3sIsAnswered(t *testing.T) {
	server := newFlagSet(RoleServer, &Server{}, new(string))
	agent := newFlagSet(RoleAgent, &Server{}, new(string))
	answered := func(t *testing.T, f *flagSet, name string) bool {
		if now, ok := renamed[name]; ok {
			name = now
		}
		_, idle := withoutEffect[name]
		_, refused := unsupported[name]
		return f.Lookup(name) != nil || idle || refused
	}
	for _, name := range strings.Fields(serverFlags) {
		if !answered(t, server, name) {
			t.Errorf("k3s server --%s has no answer", name)
		}
		if agent.Lookup(name) != nil {
			t.Errorf("k3s agent has --%s, which is the server's", name)
		}
	}
	for _, name := range strings.Fields(nodeFlags) {
		if !answered(t, server, name) || !answered(t, agent, name) {
			t.Errorf("--%s has no answer for both roles", name)
		}
	}
}

func TestEveryRefusalHasAReason(t *testing.T) {
	for _, answers := range []map[string]answer{withoutEffect, unsupported} {
		for name, a := range answers {
			if len(strings.Fields(a.reason)) < 2 {
				t.Errorf("--%s: the reason %q says nothing", name, a.reason)
			}
		}
	}
	for name := range unsupported {
		_, _, err := Parse(source([]string{"--" + name + "=x"}, nil, nil))
		if err == nil || !strings.Contains(err.Error(), unsupported[name].reason) {
			t.Errorf("--%s = %v; want its reason", name, err)
		}
	}
}

func TestParseAgent(t *testing.T) {
	join := []string{"--server", "https://s.example:6443", "--token", "secret"}
	for _, tt := range []struct {
		name string
		args []string
		env  map[string]string
		want string // a part of the error; "" is none
	}{
		{"a server and a token", join, nil, ""},
		{"from the environment", nil, map[string]string{"K3S_URL": "https://s:6443", "K3S_TOKEN": "secret"}, ""},
		{"no server", []string{"--token", "secret"}, nil, "--server (K3S_URL) is missing"},
		{"no token", []string{"--server", "https://s:6443"}, nil, "--token (K3S_TOKEN) is missing"},
		{"a server without https", []string{"--server", "http://s:6443", "--token", "x"}, nil, "with https"},
		{"a flag of the server", append([]string{"--cluster-cidr=10.0.0.0/8"}, join...), nil, "is a flag of `k3s server`"},
		{"a refused variable", join, map[string]string{"K3S_SELINUX": "true"}, "K3S_SELINUX (--selinux)"},
		{"a refused variable that is off", join, map[string]string{"K3S_SELINUX": "false"}, ""},
		{"a refused variable whose value is no toggle", join, map[string]string{"K3S_VPN_AUTH": "false"}, "(--vpn-auth)"},
		{"a refused toggle that is off", append([]string{"--rootless=false"}, join...), nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			agent, _, err := ParseAgent(source(tt.args, tt.env, nil))
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("ParseAgent = %v; want no error", err)
			case tt.want == "" && (agent.ServerURL == "" || agent.Token != "secret"):
				t.Errorf("ParseAgent = %+v; want server and token", agent.Join)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("ParseAgent = %v; want an error with %q", err, tt.want)
			case tt.want != "" && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error tells the token: %v", err)
			}
		})
	}
}

func TestAMisspeltKeyIsAnErrorWhateverItsValue(t *testing.T) {
	for _, value := range []string{"false", "0", `""`} {
		_, _, err := Parse(source(nil, nil, files{main: "disable-kube-prxy: " + value}))
		if err == nil || !strings.Contains(err.Error(), "did you mean --disable-kube-proxy?") {
			t.Errorf("disable-kube-prxy: %s = %v; want the right name", value, err)
		}
	}
}
