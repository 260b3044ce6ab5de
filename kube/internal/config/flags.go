package config

import (
	"github.com/spf13/pflag"
)

// A family groups flags in the help.
type family string

const (
	famConfig     family = "Configuration"
	famListener   family = "Listener"
	famCluster    family = "Cluster"
	famNode       family = "Node"
	famRuntime    family = "Container runtime"
	famComponents family = "Components"
	famLogging    family = "Logging"
	famHidden     family = ""
)

var families = []family{famConfig, famListener, famCluster, famNode, famRuntime, famComponents, famLogging}

// A flagSet is pflag's, with what k3s knows more about a flag: its family and its environment variable.
type flagSet struct {
	*pflag.FlagSet
	family map[string]family
	env    map[string]string
}

func newFlagSet(s *Server, configFile *string) *flagSet {
	f := &flagSet{pflag.NewFlagSet("k3s server", pflag.ContinueOnError), map[string]family{}, map[string]string{}}
	f.SortFlags = false

	f.str(famConfig, configFile, "config", "c", "K3S_CONFIG_FILE", DefaultConfigFile, "read the configuration from `FILE` and FILE.d/*.yaml")
	f.str(famConfig, &s.DataDir, "data-dir", "d", "K3S_DATA_DIR", "/var/lib/rancher/k3s", "keep state in `DIR`")
	f.str(famConfig, &s.Token, "token", "t", "K3S_TOKEN", "", "shared `SECRET` that joins nodes (random when not given)")
	f.str(famConfig, &s.TokenFile, "token-file", "", "K3S_TOKEN_FILE", "", "`FILE` that holds the token")
	f.str(famConfig, &s.ServerURL, "server", "s", "K3S_URL", "", "`URL` of a server to join (not supported yet)")
	f.str(famConfig, &s.WriteKubeconfig, "write-kubeconfig", "o", "K3S_KUBECONFIG_OUTPUT", "/etc/rancher/k3s/k3s.yaml", "write the administrator's kubeconfig to `FILE`")
	f.str(famConfig, &s.WriteKubeconfigMode, "write-kubeconfig-mode", "", "K3S_KUBECONFIG_MODE", "", "`MODE` of that file, such as 644 (default 600)")
	f.str(famConfig, &s.DatastoreEndpoint, "datastore-endpoint", "", "K3S_DATASTORE_ENDPOINT", "", "`sqlite`, the only datastore of this build")

	f.str(famListener, &s.BindAddress, "bind-address", "", "", "", "`ADDRESS` to listen on (default all)")
	f.num(famListener, &s.HTTPSListenPort, "https-listen-port", "", 6443, "`PORT` of the API")
	f.str(famListener, &s.AdvertiseAddress, "advertise-address", "", "", "", "`ADDRESS` that the API tells its clients (default the node's)")
	f.list(famListener, &s.TLSSANs, "tls-san", "", "more `NAMES` and addresses in the API's certificate")

	f.list(famCluster, &s.ClusterCIDR, "cluster-cidr", "", "`CIDR` of pods (default 10.42.0.0/16)")
	f.list(famCluster, &s.ServiceCIDR, "service-cidr", "", "`CIDR` of services (default 10.43.0.0/16)")
	f.str(famCluster, &s.ServiceNodePortRange, "service-node-port-range", "", "", "30000-32767", "`RANGE` of node ports")
	f.list(famCluster, &s.ClusterDNS, "cluster-dns", "", "`ADDRESS` of cluster DNS (default the tenth of service-cidr)")
	f.str(famCluster, &s.ClusterDomain, "cluster-domain", "", "", "cluster.local", "DNS `DOMAIN` of the cluster")
	f.str(famCluster, &s.FlannelBackend, "flannel-backend", "", "", "vxlan", "pod network: `BACKEND` vxlan or host-gw (one node needs neither: a bridge), none (bring your own CNI)")

	f.str(famNode, &s.NodeName, "node-name", "", "K3S_NODE_NAME", "", "`NAME` of the node (default the host's)")
	f.list(famNode, &s.NodeIP, "node-ip", "i", "`ADDRESS` of the node (default that of the default route)")
	f.list(famNode, &s.NodeExternalIP, "node-external-ip", "", "external `ADDRESS` of the node")
	f.list(famNode, &s.NodeLabels, "node-label", "", "`KEY=VALUE` label of the node")
	f.list(famNode, &s.NodeTaints, "node-taint", "", "`KEY=VALUE:EFFECT` taint that the node registers with")
	f.str(famNode, &s.ResolvConf, "resolv-conf", "", "K3S_RESOLV_CONF", "", "resolver `FILE` for pods (default the host's)")

	f.str(famRuntime, &s.PauseImage, "pause-image", "", "", "k3os.io/pause:1", "`IMAGE` of pod sandboxes and of packaged components")
	f.str(famRuntime, &s.PrivateRegistry, "private-registry", "", "", "/etc/rancher/k3s/registries.yaml", "registry configuration `FILE`")
	f.str(famRuntime, &s.Snapshotter, "snapshotter", "", "", "", "containerd `SNAPSHOTTER` (default overlayfs, native where that is impossible)")
	f.str(famRuntime, &s.ContainerRuntimeEndpoint, "container-runtime-endpoint", "", "", "", "use the runtime at `SOCKET` instead of a containerd of our own")
	f.str(famRuntime, &s.DefaultRuntime, "default-runtime", "", "", "", "`NAME` of containerd's default runtime (crun or runc)")
	f.list(famRuntime, &s.CNIBinDirs, "cni-bin-dir", "", "`DIRS` to search for CNI plugins (k3OS's own flag)")

	f.list(famComponents, &s.Disable, "disable", "", "do not deploy packaged component `NAME`, and delete it: coredns, or any file in server/manifests")
	f.boolean(famComponents, &s.DisableKubeProxy, "disable-kube-proxy", "", "run no kube-proxy")
	f.boolean(famComponents, &s.DisableScheduler, "disable-scheduler", "", "run no scheduler")
	f.boolean(famComponents, &s.DisableControllerManager, "disable-controller-manager", "", "run no controller-manager")
	f.boolean(famHidden, &s.DisableAgent, "disable-agent", "", "run the control plane only")
	f.args(famComponents, &s.APIServerArgs, "kube-apiserver-arg", "`FLAG=VALUE` for the API server")
	f.args(famComponents, &s.ControllerManagerArgs, "kube-controller-manager-arg", "`FLAG=VALUE` for the controller manager")
	f.args(famComponents, &s.SchedulerArgs, "kube-scheduler-arg", "`FLAG=VALUE` for the scheduler")
	f.args(famComponents, &s.KubeletArgs, "kubelet-arg", "`FLAG=VALUE` for the kubelet")
	f.args(famComponents, &s.KubeProxyArgs, "kube-proxy-arg", "`FLAG=VALUE` for kube-proxy")

	f.boolean(famLogging, &s.Debug, "debug", "K3S_DEBUG", "log everything")
	f.num(famLogging, &s.Verbose, "v", "v", 0, "`LEVEL` of detail in the log")
	f.str(famLogging, &s.VModule, "vmodule", "", "", "", "`PATTERN=LEVEL,…`: detail by source file")
	return f
}

func (f *flagSet) str(fam family, p *string, name, short, env, value, usage string) {
	f.StringVarP(p, name, short, value, usage)
	f.describe(name, fam, env)
}

func (f *flagSet) num(fam family, p *int, name, short string, value int, usage string) {
	f.IntVarP(p, name, short, value, usage)
	f.describe(name, fam, "")
}

func (f *flagSet) boolean(fam family, p *bool, name, env, usage string) {
	f.BoolVar(p, name, false, usage)
	f.describe(name, fam, env)
}

// list is for values without commas of their own: `--disable a,b` is `--disable a --disable b`.
func (f *flagSet) list(fam family, p *[]string, name, short, usage string) {
	f.StringSliceVarP(p, name, short, nil, usage)
	f.describe(name, fam, "")
}

// args is for values that may hold commas, such as `--kube-apiserver-arg=enable-admission-plugins=A,B`.
func (f *flagSet) args(fam family, p *[]string, name, usage string) {
	f.StringArrayVar(p, name, nil, usage)
	f.describe(name, fam, "")
}

func (f *flagSet) describe(name string, fam family, env string) {
	f.family[name] = fam
	if env != "" {
		f.env[name] = env
	}
}

// noEffect are flags of k3s that ask for what this build does anyway, or switch off what it does not have. They are
// accepted, so that a configuration written for k3s keeps working.
var noEffect = map[string]bool{
	"disable-cloud-controller":          true,
	"disable-helm-controller":           true,
	"disable-network-policy":            true,
	"egress-selector-mode":              true,
	"prefer-bundled-bin":                true,
	"lb-server-port":                    true,
	"airgap-extra-registry":             true,
	"disable-apiserver-lb":              true,
	"default-local-storage-path":        true,
	"helm-job-image":                    true,
	"system-default-registry":           true,
	"log":                               true,
	"alsologtostderr":                   true,
	"servicelb-namespace":               true,
	"disable-default-registry-endpoint": true,
}

// unsupported are flags of k3s whose promise this build cannot keep; each names what to do instead.
var unsupported = map[string]string{
	"agent-token":                            "joining nodes comes later",
	"agent-token-file":                       "joining nodes comes later",
	"cluster-init":                           "this build stores in SQLite; embedded etcd comes later",
	"cluster-reset":                          "this build stores in SQLite; copy server/db instead",
	"cluster-reset-restore-path":             "this build stores in SQLite; copy server/db instead",
	"datastore-cafile":                       "this build stores in SQLite",
	"datastore-certfile":                     "this build stores in SQLite",
	"datastore-keyfile":                      "this build stores in SQLite",
	"disable-apiserver":                      "every server of this build runs the API",
	"disable-etcd":                           "this build has no etcd",
	"docker":                                 "containerd is the only runtime; drop the flag",
	"cri-dockerd":                            "containerd is the only runtime; drop the flag",
	"embedded-registry":                      "use registries.yaml with a mirror",
	"enable-pprof":                           "use --kube-apiserver-arg=profiling=true",
	"etcd-arg":                               "this build has no etcd",
	"etcd-disable-snapshots":                 "this build has no etcd",
	"etcd-expose-metrics":                    "this build has no etcd",
	"etcd-s3":                                "this build has no etcd",
	"etcd-snapshot-dir":                      "this build has no etcd",
	"etcd-snapshot-name":                     "this build has no etcd",
	"etcd-snapshot-retention":                "this build has no etcd",
	"etcd-snapshot-schedule-cron":            "this build has no etcd",
	"flannel-conf":                           "one node needs no flannel; drop the flag",
	"flannel-cni-conf":                       "use --flannel-backend=none and write /etc/cni/net.d",
	"flannel-external-ip":                    "one node needs no flannel; drop the flag",
	"flannel-iface":                          "one node needs no flannel; drop the flag",
	"flannel-ipv6-masq":                      "one node needs no flannel; drop the flag",
	"http-listen-port":                       "drop the flag",
	"https-listen-port-agent":                "drop the flag",
	"image-credential-provider-bin-dir":      "use --kubelet-arg=image-credential-provider-bin-dir=…",
	"image-credential-provider-config":       "use --kubelet-arg=image-credential-provider-config=…",
	"image-service-endpoint":                 "use --container-runtime-endpoint",
	"kube-cloud-controller-manager-arg":      "this build has no cloud controller",
	"kine-tls":                               "this build stores in SQLite",
	"multus":                                 "bring your own CNI with --flannel-backend=none",
	"node-external-dns":                      "drop the flag",
	"node-internal-dns":                      "drop the flag",
	"node-name-from-cloud-provider-metadata": "use --node-name",
	"nonroot-devices":                        "drop the flag",
	"protect-kernel-defaults":                "use --kubelet-arg=protect-kernel-defaults=true",
	"rootless":                               "the node is the machine: k3s runs as root",
	"secrets-encryption":                     "use --kube-apiserver-arg=encryption-provider-config=FILE",
	"secrets-encryption-provider":            "use --kube-apiserver-arg=encryption-provider-config=FILE",
	"selinux":                                "k3OS has no SELinux policy; drop the flag",
	"supervisor-metrics":                     "drop the flag",
	"supervisor-port":                        "drop the flag",
	"tls-san-security":                       "certificates name only what --tls-san asks for; drop the flag",
	"vpn-auth":                               "bring the tunnel up yourself and set --node-ip",
	"vpn-auth-file":                          "bring the tunnel up yourself and set --node-ip",
	"with-node-id":                           "use --node-name",
	"cluster-secret":                         "it is called --token since k3s 1.26",
}

// renamed are flags that k3s removed; their new names are used, with a warning.
var renamed = map[string]string{"no-deploy": "disable"}

// renamedEnv are variables that k3s removed.
var renamedEnv = map[string]string{"K3S_CLUSTER_SECRET": "K3S_TOKEN"}
