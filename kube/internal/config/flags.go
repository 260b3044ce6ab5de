package config

import (
	"time"

	"github.com/spf13/pflag"
)

// A family groups flags in the help.
type family string

const (
	famConfig     family = "Configuration"
	famListener   family = "Listener"
	famCluster    family = "Cluster"
	famSnapshots  family = "Snapshots of etcd"
	famNode       family = "Node"
	famRuntime    family = "Container runtime"
	famComponents family = "Components"
	famLogging    family = "Logging"
	famHidden     family = ""
)

var families = []family{famConfig, famListener, famCluster, famSnapshots, famNode, famRuntime, famComponents, famLogging}

// A Role is what a machine of a cluster is started as. Flags name their roles as a set.
type Role uint8

const (
	RoleServer Role = 1 << iota
	RoleAgent

	both = RoleServer | RoleAgent
)

func (r Role) String() string {
	switch r {
	case RoleServer:
		return "server"
	case RoleAgent:
		return "agent"
	}
	return "server, agent"
}

// A flagSet is pflag's for one role, with what k3s knows more about a flag: its family and its environment variable.
type flagSet struct {
	*pflag.FlagSet
	role   Role
	family map[string]family
	env    map[string]string
	// elsewhere are the flags of the other role alone.
	elsewhere map[string]Role
}

func newFlagSet(role Role, s *Server, configFile *string) *flagSet {
	f := &flagSet{
		pflag.NewFlagSet("k3s "+role.String(), pflag.ContinueOnError), role,
		map[string]family{}, map[string]string{}, map[string]Role{},
	}
	f.SortFlags = false
	s.tlsSANSecurity = true

	f.str(both, famConfig, configFile, "config", "c", "K3S_CONFIG_FILE", DefaultConfigFile, "read the configuration from `FILE` and FILE.d/*.yaml")
	f.str(both, famConfig, &s.DataDir, "data-dir", "d", "K3S_DATA_DIR", DefaultDataDir, "keep state in `DIR`")
	f.str(both, famConfig, &s.Token, "token", "t", "K3S_TOKEN", "", "shared `SECRET` that joins nodes (random when not given)")
	f.str(both, famConfig, &s.TokenFile, "token-file", "", "K3S_TOKEN_FILE", "", "`FILE` that holds the token")
	f.str(RoleServer, famConfig, &s.AgentToken, "agent-token", "", "K3S_AGENT_TOKEN", "", "`SECRET` that joins agents only (the one of --token when not given)")
	f.str(RoleServer, famConfig, &s.AgentTokenFile, "agent-token-file", "", "K3S_AGENT_TOKEN_FILE", "", "`FILE` that holds that token")
	f.str(both, famConfig, &s.ServerURL, "server", "s", "K3S_URL", "", "`URL` of a server to join")
	f.str(RoleServer, famConfig, &s.WriteKubeconfig, "write-kubeconfig", "o", "K3S_KUBECONFIG_OUTPUT", "/etc/rancher/k3s/k3s.yaml", "write the administrator's kubeconfig to `FILE`")
	f.str(RoleServer, famConfig, &s.WriteKubeconfigMode, "write-kubeconfig-mode", "", "K3S_KUBECONFIG_MODE", "", "`MODE` of that file, such as 644 (default 600)")
	f.str(RoleServer, famConfig, &s.WriteKubeconfigGroup, "write-kubeconfig-group", "", "K3S_KUBECONFIG_GROUP", "", "`GROUP` of that file, by name or number")
	f.boolean(RoleServer, famConfig, &s.ClusterInit, "cluster-init", "K3S_CLUSTER_INIT", "store in etcd, so that other servers can join")
	f.str(RoleServer, famConfig, &s.DatastoreEndpoint, "datastore-endpoint", "", "K3S_DATASTORE_ENDPOINT", "", "`URL` of a database: postgres://…, mysql://…, or sqlite; etcd comes with --cluster-init or --server")
	f.str(RoleServer, famConfig, &s.DatastoreCAFile, "datastore-cafile", "", "K3S_DATASTORE_CAFILE", "", "`FILE` with the authority of that database's certificate")
	f.str(RoleServer, famConfig, &s.DatastoreCertFile, "datastore-certfile", "", "K3S_DATASTORE_CERTFILE", "", "`FILE` with the certificate that it is shown")
	f.str(RoleServer, famConfig, &s.DatastoreKeyFile, "datastore-keyfile", "", "K3S_DATASTORE_KEYFILE", "", "`FILE` with the key of that")

	f.boolean(RoleServer, famCluster, &s.SecretsEncryption, "secrets-encryption", "", "encrypt Secrets in the datastore (k3s secrets-encrypt)")
	f.str(RoleServer, famCluster, &s.SecretsEncryptionProvider, "secrets-encryption-provider", "", "", "aescbc", "`PROVIDER` of that: aescbc or secretbox")

	f.str(both, famListener, &s.BindAddress, "bind-address", "", "", "", "`ADDRESS` to listen on (default all)")
	f.num(both, famListener, &s.lbServerPort, "lb-server-port", "", "K3S_LB_SERVER_PORT", 6444, "`PORT` of this machine's own connections to the servers (an agent only)")
	f.num(RoleServer, famListener, &s.HTTPSListenPort, "https-listen-port", "", "", 6443, "`PORT` of the API")
	f.str(RoleServer, famListener, &s.AdvertiseAddress, "advertise-address", "", "", "", "`ADDRESS` that the API tells its clients (default the node's)")
	f.boolean(RoleServer, famHidden, &s.tlsSANSecurity, "tls-san-security", "", "put no other names into the API's certificate than its own and those of --tls-san (always so)")
	f.list(RoleServer, famListener, &s.TLSSANs, "tls-san", "", "more `NAMES` and addresses in the API's certificate")

	f.list(RoleServer, famCluster, &s.ClusterCIDR, "cluster-cidr", "", "`CIDR` of pods (default 10.42.0.0/16)")
	f.list(RoleServer, famCluster, &s.ServiceCIDR, "service-cidr", "", "`CIDR` of services (default 10.43.0.0/16)")
	f.str(RoleServer, famCluster, &s.ServiceNodePortRange, "service-node-port-range", "", "", "30000-32767", "`RANGE` of node ports")
	f.list(RoleServer, famCluster, &s.ClusterDNS, "cluster-dns", "", "`ADDRESS` of cluster DNS (default the tenth of service-cidr)")
	f.str(RoleServer, famCluster, &s.ClusterDomain, "cluster-domain", "", "", "cluster.local", "DNS `DOMAIN` of the cluster")
	f.str(RoleServer, famCluster, &s.FlannelBackend, "flannel-backend", "", "", "vxlan", "pod network: `BACKEND` vxlan, host-gw or wireguard-native (it starts with the second node), none (bring your own CNI)")
	f.boolean(RoleServer, famCluster, &s.FlannelExternalIP, "flannel-external-ip", "", "nodes reach each other's pods at the addresses of --node-external-ip")

	f.str(RoleServer, famHidden, &s.egressSelectorMode, "egress-selector-mode", "", "", "disabled", "how the API reaches nodes (always directly)")

	f.boolean(RoleServer, famSnapshots, &s.Reset.Wanted, "cluster-reset", "K3S_CLUSTER_RESET", "make this server the only one of its cluster, and end")
	f.str(RoleServer, famSnapshots, &s.Reset.From, "cluster-reset-restore-path", "", "", "", "with what the snapshot in `FILE` has")
	f.boolean(RoleServer, famSnapshots, &s.Snapshots.Disabled, "etcd-disable-snapshots", "", "save no snapshots by schedule")
	f.str(RoleServer, famSnapshots, &s.Snapshots.Name, "etcd-snapshot-name", "", "", "etcd-snapshot", "what their names begin with: `NAME`-NODE-TIME")
	f.str(RoleServer, famSnapshots, &s.Snapshots.Schedule, "etcd-snapshot-schedule-cron", "", "", "0 */12 * * *", "when they are saved, as a `SCHEDULE` of cron")
	f.num(RoleServer, famSnapshots, &s.Snapshots.Retention, "etcd-snapshot-retention", "", "", 5, "`NUMBER` of snapshots of a name that are kept; 0 is all")
	f.str(RoleServer, famSnapshots, &s.Snapshots.Dir, "etcd-snapshot-dir", "", "", "", "save them in `DIR` (default server/db/snapshots)")
	f.boolean(RoleServer, famSnapshots, &s.Snapshots.Compress, "etcd-snapshot-compress", "", "compress them")

	f.s3(&s.Snapshots.S3)

	f.str(both, famNode, &s.NodeName, "node-name", "", "K3S_NODE_NAME", "", "`NAME` of the node (default the host's)")
	f.list(both, famNode, &s.NodeIP, "node-ip", "i", "`ADDRESS` of the node (default that of the default route)")
	f.list(both, famNode, &s.NodeExternalIP, "node-external-ip", "", "external `ADDRESS` of the node")
	f.list(both, famNode, &s.NodeInternalDNS, "node-internal-dns", "", "internal DNS `NAME` of the node")
	f.list(both, famNode, &s.NodeExternalDNS, "node-external-dns", "", "external DNS `NAME` of the node")
	f.list(both, famNode, &s.NodeLabels, "node-label", "", "`KEY=VALUE` label of the node")
	f.list(both, famNode, &s.NodeTaints, "node-taint", "", "`KEY=VALUE:EFFECT` taint that the node registers with")
	f.str(both, famNode, &s.ResolvConf, "resolv-conf", "", "K3S_RESOLV_CONF", "", "resolver `FILE` for pods (default the host's)")

	f.str(both, famNode, &s.FlannelIface, "flannel-iface", "", "", "", "`INTERFACE` to the other nodes (default the one with the node's address)")
	f.str(both, famNode, &s.FlannelConf, "flannel-conf", "", "", "", "flannel's configuration `FILE` instead of one for --flannel-backend")
	f.str(both, famNode, &s.FlannelCNIConf, "flannel-cni-conf", "", "", "", "CNI configuration `FILE` of flannel's nodes instead of the usual one")

	f.str(both, famRuntime, &s.PauseImage, "pause-image", "", "", "k3os.io/pause:1", "`IMAGE` of pod sandboxes and of packaged components")
	f.str(both, famRuntime, &s.PrivateRegistry, "private-registry", "", "", "/etc/rancher/k3s/registries.yaml", "registry configuration `FILE`")
	f.boolean(both, famRuntime, &s.DisableDefaultRegistryEndpoint, "disable-default-registry-endpoint", "", "pull only from the mirrors of a registry that has some")
	f.str(both, famRuntime, &s.Snapshotter, "snapshotter", "", "", "", "containerd `SNAPSHOTTER` (default overlayfs, native where that is impossible)")
	f.str(both, famRuntime, &s.ContainerRuntimeEndpoint, "container-runtime-endpoint", "", "", "", "use the runtime at `SOCKET` instead of a containerd of our own")
	f.str(both, famRuntime, &s.DefaultRuntime, "default-runtime", "", "", "", "`NAME` of containerd's default runtime (crun or runc)")
	f.boolean(both, famRuntime, &s.NonrootDevices, "nonroot-devices", "", "containers that run as a user may use the devices that their pod asks for")
	f.str(both, famRuntime, &s.ImageCredentialProviderBinDir, "image-credential-provider-bin-dir", "", "", CredentialProviders+"/bin", "`DIR` of programs that get credentials of registries")
	f.str(both, famRuntime, &s.ImageCredentialProviderConfig, "image-credential-provider-config", "", "", CredentialProviders+"/config.yaml", "`FILE` that says which of them is for which image; used if it is there")
	f.list(both, famRuntime, &s.CNIBinDirs, "cni-bin-dir", "", "`DIRS` to search for CNI plugins (k3OS's own flag)")

	f.list(RoleServer, famComponents, &s.Disable, "disable", "", "do not deploy packaged component `NAME`, and delete it: coredns, local-storage, metrics-server, runtimes, servicelb, or any file in server/manifests; k3s's traefik is not there to begin with")
	f.str(RoleServer, famComponents, &s.LocalStoragePath, "default-local-storage-path", "", "", "", "`DIR` of nodes for volumes of local storage (default storage in data-dir)")
	f.boolean(RoleServer, famComponents, &s.DisableKubeProxy, "disable-kube-proxy", "", "run no kube-proxy")
	f.boolean(RoleServer, famComponents, &s.DisableNetworkPolicy, "disable-network-policy", "", "do not enforce NetworkPolicies: another CNI does, or nobody")
	f.boolean(RoleServer, famComponents, &s.DisableScheduler, "disable-scheduler", "", "run no scheduler")
	f.boolean(RoleServer, famComponents, &s.DisableControllerManager, "disable-controller-manager", "", "run no controller-manager")
	f.boolean(RoleServer, famHidden, &s.DisableAgent, "disable-agent", "", "run the control plane only")
	f.args(RoleServer, famComponents, &s.APIServerArgs, "kube-apiserver-arg", "`FLAG=VALUE` for the API server")
	f.args(RoleServer, famComponents, &s.ControllerManagerArgs, "kube-controller-manager-arg", "`FLAG=VALUE` for the controller manager")
	f.args(RoleServer, famComponents, &s.SchedulerArgs, "kube-scheduler-arg", "`FLAG=VALUE` for the scheduler")
	f.args(RoleServer, famComponents, &s.EtcdArgs, "etcd-arg", "`FLAG=VALUE` for etcd")
	f.boolean(RoleServer, famComponents, &s.EtcdExposeMetrics, "etcd-expose-metrics", "", "anybody may read metrics of etcd at port 2381 of the node, without TLS")
	f.boolean(both, famComponents, &s.ProtectKernelDefaults, "protect-kernel-defaults", "", "fail where a kernel setting is not what the kubelet needs, instead of changing it")
	f.args(both, famComponents, &s.KubeletArgs, "kubelet-arg", "`FLAG=VALUE` for the kubelet")
	f.args(both, famComponents, &s.KubeProxyArgs, "kube-proxy-arg", "`FLAG=VALUE` for kube-proxy")

	f.boolean(both, famLogging, &s.Debug, "debug", "K3S_DEBUG", "log everything")
	f.num(both, famLogging, &s.Verbose, "v", "v", "", 0, "`LEVEL` of detail in the log")
	f.str(both, famLogging, &s.LogFile, "log", "l", "", "", "append the log to `FILE` instead of standard error")
	f.str(both, famLogging, &s.VModule, "vmodule", "", "", "", "`PATTERN=LEVEL,…`: detail by source file")
	return f
}

func (f *flagSet) s3(s3 *S3) {
	f.boolean(RoleServer, famSnapshots, &s3.Enabled, "etcd-s3", "", "keep snapshots in S3, too")
	f.str(RoleServer, famSnapshots, &s3.Endpoint, "etcd-s3-endpoint", "", "", "s3.amazonaws.com", "`HOST:PORT` of S3")
	f.str(RoleServer, famSnapshots, &s3.EndpointCA, "etcd-s3-endpoint-ca", "", "", "", "PEM `FILE` of the authority that S3's certificate is of")
	f.boolean(RoleServer, famSnapshots, &s3.SkipSSLVerify, "etcd-s3-skip-ssl-verify", "", "do not check S3's certificate")
	f.boolean(RoleServer, famSnapshots, &s3.Insecure, "etcd-s3-insecure", "", "speak http with S3")
	f.str(RoleServer, famSnapshots, &s3.AccessKey, "etcd-s3-access-key", "", "AWS_ACCESS_KEY_ID", "", "access `KEY` (default the role of the machine in its cloud)")
	f.str(RoleServer, famSnapshots, &s3.SecretKey, "etcd-s3-secret-key", "", "AWS_SECRET_ACCESS_KEY", "", "secret `KEY`; others see it on the command line, and not in the configuration file")
	f.str(RoleServer, famSnapshots, &s3.SessionToken, "etcd-s3-session-token", "", "AWS_SESSION_TOKEN", "", "session `TOKEN`")
	f.str(RoleServer, famSnapshots, &s3.Bucket, "etcd-s3-bucket", "", "", "", "`BUCKET`, which must be there")
	f.str(RoleServer, famSnapshots, &s3.BucketLookup, "etcd-s3-bucket-lookup-type", "", "", "auto", "where the bucket stands in addresses: `WAY` auto, dns or path")
	f.str(RoleServer, famSnapshots, &s3.Region, "etcd-s3-region", "", "", "us-east-1", "`REGION` of the bucket")
	f.str(RoleServer, famSnapshots, &s3.Folder, "etcd-s3-folder", "", "", "", "`FOLDER` in the bucket")
	f.num(RoleServer, famSnapshots, &s3.Retention, "etcd-s3-retention", "", "", 5, "`NUMBER` of snapshots of a name that are kept there; 0 is all")
	f.str(RoleServer, famSnapshots, &s3.Proxy, "etcd-s3-proxy", "", "", "", "`URL` of a proxy (default that of the environment)")
	if f.has(RoleServer, famSnapshots, "etcd-s3-timeout", "") {
		f.DurationVar(&s3.Timeout, "etcd-s3-timeout", 5*time.Minute, "`DURATION` that a transfer may take")
	}
}

func (f *flagSet) str(roles Role, fam family, p *string, name, short, env, value, usage string) {
	if f.has(roles, fam, name, env) {
		f.StringVarP(p, name, short, value, usage)
	}
}

func (f *flagSet) num(roles Role, fam family, p *int, name, short, env string, value int, usage string) {
	if f.has(roles, fam, name, env) {
		f.IntVarP(p, name, short, value, usage)
	}
}

func (f *flagSet) boolean(roles Role, fam family, p *bool, name, env, usage string) {
	if f.has(roles, fam, name, env) {
		f.BoolVar(p, name, *p, usage)
	}
}

// list is for values without commas of their own: `--disable a,b` is `--disable a --disable b`.
func (f *flagSet) list(roles Role, fam family, p *[]string, name, short, usage string) {
	if f.has(roles, fam, name, "") {
		f.StringSliceVarP(p, name, short, nil, usage)
	}
}

// args is for values that may hold commas, such as `--kube-apiserver-arg=enable-admission-plugins=A,B`.
func (f *flagSet) args(roles Role, fam family, p *[]string, name, usage string) {
	if f.has(roles, fam, name, "") {
		f.StringArrayVar(p, name, nil, usage)
	}
}

// has tells whether the set's role has the flag, and notes what belongs to it.
func (f *flagSet) has(roles Role, fam family, name, env string) bool {
	if roles&f.role == 0 {
		f.elsewhere[name] = roles
		return false
	}
	f.family[name] = fam
	if env != "" {
		f.env[name] = env
	}
	return true
}
