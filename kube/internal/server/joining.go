package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"

	"k3os.io/kube/internal/bootstraptoken"
	"k3os.io/kube/internal/components/coredns"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/pki"
	"k3os.io/kube/internal/supervisor"
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
		Shared:    p.isOneOfSeveral(),
		Snapshots: saved,
		Store:     p.store,
		Secrets:   p.currentSecrets,
		Config:    clusterConfig(p.cfg),
		Servers:   p.servers,
		Passwords: p.passwordKeeper,
		Bootstrap: func(ctx context.Context, text string) (bool, error) {
			return bootstraptoken.IsValid(ctx, p.client, text)
		},
		RotateToken: p.rotateToken,
		Encryption:  encryptionKeeper{p},
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
	if secrets.Server, err = secretIn(cfg.ServerDir("token")); err != nil {
		return secrets, err
	}
	secrets.Agent, err = secretIn(pki.AgentTokenFile(cfg.ServerDir()))
	return secrets, err
}

// address is where other machines reach the API of this one.
func (p *controlPlane) address() string {
	return net.JoinHostPort(p.host.advertise.String(), strconv.Itoa(p.cfg.HTTPSListenPort))
}

// servers are the addresses of all servers that serve the API, this one first.
func (p *controlPlane) servers(ctx context.Context) ([]string, error) {
	all := []string{p.address()}
	if !p.isOneOfSeveral() {
		return all, nil
	}
	if p.passwords.Load() == nil {
		return nil, errors.New("the API is not ready yet")
	}
	slices, err := p.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=kubernetes",
	})
	if err != nil {
		return nil, err
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
	return all, nil
}

// clusterConfig is of checked values, which parse.
func clusterConfig(cfg config.Server) supervisor.ClusterConfig {
	pods, services := networks(cfg.ClusterCIDR), networks(cfg.ServiceCIDR)
	address, _ := cfg.DNSAddress()
	dns := net.IP(address.AsSlice())
	return supervisor.ClusterConfig{
		HTTPSPort: cfg.HTTPSListenPort, SupervisorPort: cfg.HTTPSListenPort,
		ClusterIPRange: pods[0], ClusterIPRanges: pods,
		ServiceIPRange: services[0], ServiceIPRanges: services,
		ClusterDNS: dns, ClusterDNSs: []net.IP{dns}, ClusterDomain: cfg.ClusterDomain,
		FlannelBackend: cfg.FlannelBackend, FlannelExternalIP: cfg.FlannelExternalIP, DisableKubeProxy: cfg.DisableKubeProxy,
		ServesDNS:  len(cfg.ClusterDNS) > 0 || !cfg.Disabled(coredns.Name),
		DisableCCM: true, DisableNPC: cfg.DisableNetworkPolicy, EgressSelectorMode: "disabled",
		DisabledParts: disabledParts(cfg.ControlPlane),
	}
}

func networks(cidrs []string) (all []*net.IPNet) {
	for _, cidr := range cidrs {
		_, n, _ := net.ParseCIDR(cidr)
		all = append(all, n)
	}
	return all
}

// A grant is a role, and who has it.
type grant struct {
	role    rbacv1.ClusterRole
	binding rbacv1.ClusterRoleBinding
}

func newGrant(name, kind, subject string, rules ...rbacv1.PolicyRule) grant {
	meta := metav1.ObjectMeta{Name: name}
	return grant{
		rbacv1.ClusterRole{ObjectMeta: meta, Rules: rules},
		rbacv1.ClusterRoleBinding{
			ObjectMeta: meta,
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: subject}},
		},
	}
}

// networkGrant lets every node see the others, to which its pod network leads. Where its own pods are, it writes into
// its own Node, as it may in any case.
func networkGrant() grant {
	return newGrant("k3os:pod-network", rbacv1.GroupKind, user.NodesGroup,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"nodes"}, Verbs: []string{"get", "list", "watch"}})
}

// policyGrant lets nodes see what NetworkPolicies are about: a kubelet sees its own pods alone.
func policyGrant() grant {
	see := []string{"list", "watch"}
	return newGrant(pki.ControllerUser, rbacv1.UserKind, pki.ControllerUser,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"namespaces", "pods"}, Verbs: see},
		rbacv1.PolicyRule{APIGroups: []string{networkingv1.GroupName}, Resources: []string{"networkpolicies"}, Verbs: see})
}
