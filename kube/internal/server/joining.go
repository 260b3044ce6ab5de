package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
	"k3os.io/kube/internal/token"
)

// supervise answers machines that join.
func (p *controlPlane) supervise(next http.Handler) http.Handler {
	var (
		members supervisor.MemberKeeper
		saved   http.Handler
	)
	if p.members != nil {
		members, saved = p.members, p.snapshots
	}
	return supervisor.New(supervisor.Options{
		Members:   members,
		Snapshots: saved,
		Store:     p.store,
		Secrets:   p.joinSecrets,
		Config:    p.clusterConfig(),
		Servers:   p.servers,
		Passwords: p.passwordKeeper,
	}, next)
}

func (p *controlPlane) passwordKeeper() supervisor.PasswordKeeper {
	if passwords := p.passwords.Load(); passwords != nil {
		return passwords
	}
	return nil // not a nil pointer in an interface
}

// joinSecrets are read anew each time, so that a token that was changed counts at once.
func (p *controlPlane) joinSecrets() (supervisor.Secrets, error) { return readSecrets(p.cfg) }

func readSecrets(cfg config.Server) (secrets supervisor.Secrets, err error) {
	for file, to := range map[string]*string{
		cfg.ServerDir("token"):              &secrets.Server,
		pki.AgentTokenFile(cfg.ServerDir()): &secrets.Agent,
	} {
		b, err := os.ReadFile(file)
		if err != nil {
			return secrets, err
		}
		t, err := token.Parse(strings.TrimSpace(string(b)))
		if err != nil {
			return secrets, err
		}
		*to = t.Secret
	}
	return secrets, nil
}

// address is where other machines reach the API of this one.
func (p *controlPlane) address() string {
	return net.JoinHostPort(p.host.advertise.String(), strconv.Itoa(p.cfg.HTTPSListenPort))
}

// servers are the addresses of all servers that serve the API, this one first.
func (p *controlPlane) servers(ctx context.Context) []string {
	all := []string{p.address()}
	if p.members == nil || p.passwords.Load() == nil {
		return all
	}
	slices, err := p.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=kubernetes",
	})
	if err != nil {
		return all
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			for _, address := range endpoint.Addresses {
				for _, port := range slice.Ports {
					one := net.JoinHostPort(address, fmt.Sprint(*port.Port))
					if one != all[0] {
						all = append(all, one)
					}
				}
			}
		}
	}
	return all
}

// clusterConfig is of checked values, which parse.
func (p *controlPlane) clusterConfig() supervisor.ClusterConfig {
	cfg := p.cfg
	pods, services := networks(cfg.ClusterCIDR), networks(cfg.ServiceCIDR)
	address, _ := cfg.DNSAddress()
	dns := net.IP(address.AsSlice())
	return supervisor.ClusterConfig{
		HTTPSPort: cfg.HTTPSListenPort, SupervisorPort: cfg.HTTPSListenPort,
		ClusterIPRange: pods[0], ClusterIPRanges: pods,
		ServiceIPRange: services[0], ServiceIPRanges: services,
		ClusterDNS: dns, ClusterDNSs: []net.IP{dns}, ClusterDomain: cfg.ClusterDomain,
		FlannelBackend: cfg.FlannelBackend, DisableKubeProxy: cfg.DisableKubeProxy,
		ServesDNS:  len(cfg.ClusterDNS) > 0 || !cfg.Disabled(coredns.Name),
		DisableCCM: true, DisableNPC: true, EgressSelectorMode: "disabled",
	}
}

func networks(cidrs []string) (all []*net.IPNet) {
	for _, cidr := range cidrs {
		_, n, _ := net.ParseCIDR(cidr)
		all = append(all, n)
	}
	return all
}

// nodesRole lets every node see the others, to which its pod network leads. Where its own pods are, it writes into its
// own Node, as it may in any case.
const nodesRole = "k3os:pod-network"

func networkRBAC() (rbacv1.ClusterRole, rbacv1.ClusterRoleBinding) {
	meta := metav1.ObjectMeta{Name: nodesRole}
	role := rbacv1.ClusterRole{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}},
	}}
	binding := rbacv1.ClusterRoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: nodesRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: user.NodesGroup}},
	}
	return role, binding
}
