package config

import "slices"

// An answer is what is said about a flag of k3s that this build does not implement.
type answer struct {
	env    string // its environment variable, or ""
	toggle bool   // it takes no value
	reason string // a clause; in `unsupported` it ends with what to do instead
}

// withoutEffect are flags of k3s that ask for what this build does anyway, or that set up or switch off what it does
// not have. They are accepted with a warning, so that a configuration written for k3s keeps working.
var withoutEffect = map[string]answer{
	"airgap-extra-registry":    {reason: "imported images are found under the names that they have"},
	"disable-apiserver-lb":     {toggle: true, reason: "an agent reaches the API by its load balancer, a server reaches its own"},
	"disable-cloud-controller": {toggle: true, reason: "a server publishes addresses only for nodes with --node-external-ip or a DNS name, and nothing else of a cloud"},
	"disable-helm-controller":  {toggle: true, reason: "there is no Helm controller"},
	"helm-job-image":           {reason: "there is no Helm controller"},
	"disable-selinux":          {toggle: true, reason: "SELinux is off"},
	"prefer-bundled-bin":       {toggle: true, reason: "the image's own programs are the only ones"},
	"servicelb-namespace":      {reason: "ServiceLB has no pods"},
	"system-default-registry":  {env: "K3S_SYSTEM_DEFAULT_REGISTRY", reason: "packaged components are part of the image"},
}

const (
	noCloud = "this build has no cloud controller; run your provider's in a pod"
	onePort = "the API is the only listener; use --https-listen-port and --bind-address"
	tunnel  = "bring the tunnel up yourself and set --node-ip"
)

// unsupported are flags of k3s whose promise this build cannot keep.
var unsupported = map[string]answer{
	"advertise-port":                    {reason: "the API is advertised at the port that it listens on; use --https-listen-port"},
	"alsologtostderr":                   {toggle: true, reason: "the log goes to one place: standard error, or the file of --log"},
	"apiserver-bind-address":            {reason: onePort},
	"apiserver-port":                    {reason: onePort},
	"cluster-secret":                    {reason: "it is called --token since k3s 1.26"},
	"disable-apiserver":                 {toggle: true, reason: "every server of this build runs the API; drop the flag"},
	"disable-etcd":                      {toggle: true, reason: "every server that joins others is a member of etcd; drop the flag"},
	"docker":                            {toggle: true, reason: "containerd is the only runtime; drop the flag"},
	"embedded-registry":                 {toggle: true, reason: "nodes share no images; use a mirror in registries.yaml"},
	"enable-pprof":                      {toggle: true, reason: "use --kube-apiserver-arg=profiling=true"},
	"etcd-s3-config-secret":             {reason: "a server without its datastore could not read it; write the keys into a file in config.yaml.d"},
	"etcd-snapshot-reconcile-interval":  {reason: "a server lists its snapshots when it is asked; drop the flag"},
	"etcd-snapshot-restrictions":        {reason: "only the administrator and the token of servers reach snapshots; drop the flag"},
	"flannel-ipv6-masq":                 {toggle: true, reason: "pods have IPv4 addresses only; drop the flag"},
	"helm-controller-arg":               {reason: "this build has no Helm controller; run helm against the API"},
	"image-service-endpoint":            {reason: "use --container-runtime-endpoint"},
	"kine-tls":                          {toggle: true, reason: "the datastore's socket is the machine's own; drop the flag"},
	"kube-cloud-controller-arg":         {reason: noCloud},
	"kube-cloud-controller-manager-arg": {reason: noCloud},
	"no-flannel":                        {toggle: true, reason: "use --flannel-backend=none"},
	"rootless":                          {toggle: true, reason: "the node is the machine, and k3s runs as root; drop the flag"},
	"selinux":                           {env: "K3S_SELINUX", toggle: true, reason: "k3OS has no SELinux policy; drop the flag"},
	"supervisor-metrics":                {toggle: true, reason: "it has none of its own; read /metrics of the API"},
	"supervisor-port":                   {reason: onePort},
	"vpn-auth":                          {env: "K3S_VPN_AUTH", reason: tunnel},
	"with-node-id":                      {toggle: true, reason: "the system knows its node by the name of the host: give each machine a hostname of its own"},
	"vpn-auth-file":                     {env: "K3S_VPN_AUTH_FILE", reason: tunnel},
}

// renamed are old names of flags; the new ones are used, with a warning.
var renamed = map[string]string{"no-deploy": "disable", "kube-controller-arg": "kube-controller-manager-arg"}

// renamedEnv are old names of variables.
var renamedEnv = map[string]string{"K3S_CLUSTER_SECRET": "K3S_TOKEN"}

// isOff tells whether values ask for nothing: no value, or, of a toggle, one that means false.
func (a answer) isOff(values []string) bool {
	if len(values) == 0 || len(values) == 1 && values[0] == "" {
		return true
	}
	return a.toggle && len(values) == 1 && slices.Contains([]string{"false", "0", "f", "F", "False", "FALSE"}, values[0])
}
