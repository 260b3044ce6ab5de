// Package config turns k3s's command line, environment and configuration files into one value.
//
// The value goes through stages, like every fact in k3OS: read (files, environment, arguments) → merge → check. Nothing
// here touches the system beyond reading the configuration files, so all of it is testable without a node.
package config

import (
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// CredentialProviders is where k3s's users put programs that get credentials of registries, and their configuration.
const CredentialProviders = "/var/lib/rancher/credentialprovider"

// Server is the checked configuration of `k3s server`: the control plane and, unless DisableAgent, the node beside it.
type Server struct {
	Node
	ControlPlane
	Join
	lbServerPort int // of an agent

	given map[string]bool // flags, by whatever way
}

// Given tells whether the user has set a flag, on the command line, in a file or in the environment.
func (s Server) Given(flag string) bool { return s.given[flag] }

// Agent is the checked configuration of `k3s agent`: a node of a cluster whose control plane is elsewhere.
type Agent struct {
	Node
	Join
	LBServerPort int // of this machine's own connections to the API
}

// Node is what every machine of a cluster has: kubelet, kube-proxy, containerd, and the log of all of them.
type Node struct {
	DataDir string
	Debug   bool
	Verbose int
	VModule string
	LogFile string // "" is standard error

	NodeName        string
	NodeIP          []string
	NodeExternalIP  []string
	NodeInternalDNS []string
	NodeExternalDNS []string
	NodeLabels      []string
	NodeTaints      []string
	ResolvConf      string
	BindAddress     string

	PauseImage                     string
	PrivateRegistry                string
	DisableDefaultRegistryEndpoint bool
	Snapshotter                    string
	ContainerRuntimeEndpoint       string
	DefaultRuntime                 string
	CNIBinDirs                     []string

	NonrootDevices                bool
	ProtectKernelDefaults         bool
	ImageCredentialProviderBinDir string
	ImageCredentialProviderConfig string

	FlannelIface   string
	FlannelConf    string // "" is one of our own
	FlannelCNIConf string // likewise

	KubeletArgs   []string
	KubeProxyArgs []string
}

// ControlPlane is what only a server has.
type ControlPlane struct {
	AdvertiseAddress string
	HTTPSListenPort  int
	TLSSANs          []string
	tlsSANSecurity   bool // always true in a checked value

	ClusterCIDR          []string
	ServiceCIDR          []string
	ServiceNodePortRange string
	ClusterDNS           []string
	ClusterDomain        string

	WriteKubeconfig      string
	WriteKubeconfigMode  string
	WriteKubeconfigGroup string

	SecretsEncryption         bool
	SecretsEncryptionProvider string

	DatastoreEndpoint  string
	DatastoreCAFile    string
	DatastoreCertFile  string
	DatastoreKeyFile   string
	ClusterInit        bool
	Snapshots          Snapshots
	Reset              Reset
	FlannelBackend     string
	FlannelExternalIP  bool
	egressSelectorMode string

	Disable                  []string
	LocalStoragePath         string
	DisableAgent             bool
	DisableKubeProxy         bool
	DisableNetworkPolicy     bool
	DisableScheduler         bool
	DisableControllerManager bool

	APIServerArgs         []string
	ControllerManagerArgs []string
	SchedulerArgs         []string
	EtcdArgs              []string
	EtcdExposeMetrics     bool
}

// Snapshots say how a member of etcd saves what it has.
type Snapshots struct {
	Disabled  bool   // none by schedule
	Name      string // of those by schedule
	Schedule  string // cron's five fields
	Retention int    // how many of a name are kept; 0 is all
	Dir       string // absolute
	Compress  bool
	S3        S3
}

// S3 is a second place of snapshots.
type S3 struct {
	Enabled       bool
	Endpoint      string // HOST[:PORT]
	EndpointCA    string // a PEM file
	SkipSSLVerify bool
	Insecure      bool // http
	AccessKey     string
	SecretKey     string
	SessionToken  string
	Bucket        string
	BucketLookup  string // auto, dns or path
	Region        string
	Folder        string
	Retention     int // as of Snapshots
	Proxy         string
	Timeout       time.Duration // of each request to S3
}

// Reset asks to make this server the only one of its cluster.
type Reset struct {
	Wanted bool
	// From is the file of a snapshot; "" keeps what this server has.
	From string
}

// Join says which cluster a machine belongs to. A server without ServerURL starts a cluster; Token is then what its
// nodes join with.
type Join struct {
	ServerURL string
	Token     string // what --token gave, or the content of TokenFile
	TokenFile string
	// AgentToken is of a server: what agents join with, if it is not Token.
	AgentToken     string
	AgentTokenFile string
}

// DefaultDataDir is k3s's.
const DefaultDataDir = "/var/lib/rancher/k3s"

// ServerDir is where the control plane keeps its state.
func (n Node) ServerDir(elem ...string) string {
	return filepath.Join(append([]string{n.DataDir, "server"}, elem...)...)
}

// AgentDir is where the node keeps its state.
func (n Node) AgentDir(elem ...string) string {
	return filepath.Join(append([]string{n.DataDir, "agent"}, elem...)...)
}

// DNSAddress is the cluster address of CoreDNS: the first of --cluster-dns, or the tenth of the service range.
func (c ControlPlane) DNSAddress() (netip.Addr, error) {
	if len(c.ClusterDNS) > 0 {
		return netip.ParseAddr(c.ClusterDNS[0])
	}
	return c.serviceAddress(10)
}

// APIServiceAddress is the cluster address of the API, the first of the service range.
func (c ControlPlane) APIServiceAddress() (netip.Addr, error) { return c.serviceAddress(1) }

func (c ControlPlane) serviceAddress(n int) (netip.Addr, error) {
	p, err := netip.ParsePrefix(c.ServiceCIDR[0])
	if err != nil {
		return netip.Addr{}, err
	}
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a, nil
}

// externalDatastores are the schemes of databases that lie elsewhere, and that servers may share.
var externalDatastores = []string{"postgres", "postgresql", "mysql"}

// HasExternalDatastore tells whether the objects lie in a database of the user's.
func (c ControlPlane) HasExternalDatastore() bool {
	s, _, found := strings.Cut(c.DatastoreEndpoint, "://")
	return found && slices.Contains(externalDatastores, s)
}

// Disabled reports whether --disable names the packaged component or manifest.
func (c ControlPlane) Disabled(name string) bool {
	return slices.Contains(c.Disable, name)
}
