package agent

import (
	"context"
	"fmt"
	"os"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
	"sigs.k8s.io/yaml"

	"k3os.io/kube/internal/addresses"
	"k3os.io/kube/internal/componentargs"
	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/containerd"
	"k3os.io/kube/internal/pki"
)

// runKubelet runs the kubelet until ctx ends. Its settings go through a drop-in directory, as k3s's do, so that a user
// can add files of his own, and a --kubelet-arg beats both.
func (n *Node) runKubelet(ctx context.Context) error {
	dropins := n.Config.AgentDir("etc", "kubelet.conf.d")
	if err := n.writeKubeletConfig(dropins, n.runtimeSocket()); err != nil {
		return fmt.Errorf("cannot write the kubelet's configuration: %w", err)
	}
	defaults := [][2]string{
		{"config-dir", dropins},
		{"hostname-override", n.Name},
		{"kubeconfig", n.Credentials.Kubeconfig(pki.Kubelet)},
		{"node-ip", joinIPs(n)},
		{"node-labels", strings.Join(n.Config.NodeLabels, ",")},
		// Without --config the kubelet begins with its old defaults, and a 0 in the drop-in does not count as a
		// setting.
		{"read-only-port", "0"},
		{"v", fmt.Sprint(n.Config.Verbose)},
	}
	if len(n.Config.NodeLabels) == 0 {
		defaults = append(defaults[:4], defaults[5:]...)
	}
	if addresses.Published(n.Config) {
		defaults = append(defaults, [2]string{"cloud-provider", "external"})
	}
	defaults = append(defaults, credentialProvider(n.Config.ImageCredentialProviderBinDir, n.Config.ImageCredentialProviderConfig)...)
	cmd := kubelet.NewKubeletCommand(ctx)
	cmd.SetArgs(componentargs.Merge(defaults, n.Config.KubeletArgs))
	cmd.SilenceErrors = true
	return cmd.ExecuteContext(ctx)
}

// credentialProvider is left out where nobody has put anything: the kubelet takes a missing file for an error.
func credentialProvider(binDir, file string) [][2]string {
	_, binErr := os.Stat(binDir)
	_, fileErr := os.Stat(file)
	isDefault := binDir == config.CredentialProviders+"/bin" && file == config.CredentialProviders+"/config.yaml"
	if isDefault && (binErr != nil || fileErr != nil) {
		return nil
	}
	return [][2]string{{"image-credential-provider-bin-dir", binDir}, {"image-credential-provider-config", file}}
}

// runtimeSocket is that of the user's container runtime, or of ours.
func (n *Node) runtimeSocket() string {
	if own := n.Config.ContainerRuntimeEndpoint; own != "" {
		return own
	}
	return containerd.Socket
}

func (n *Node) writeKubeletConfig(dir, socket string) error {
	resolv, err := n.resolvConf()
	if err != nil {
		return err
	}
	off, on := false, true
	taints, err := parseTaints(n.Config.NodeTaints)
	if err != nil {
		return err
	}
	c := kubeletv1beta1.KubeletConfiguration{
		TypeMeta: metav1.TypeMeta{APIVersion: kubeletv1beta1.SchemeGroupVersion.String(), Kind: "KubeletConfiguration"},
		Authentication: kubeletv1beta1.KubeletAuthentication{
			X509:      kubeletv1beta1.KubeletX509Authentication{ClientCAFile: n.Config.AgentDir(pki.ClientCA + ".crt")},
			Webhook:   kubeletv1beta1.KubeletWebhookAuthentication{Enabled: &on},
			Anonymous: kubeletv1beta1.KubeletAnonymousAuthentication{Enabled: &off},
		},
		Authorization:            kubeletv1beta1.KubeletAuthorization{Mode: kubeletv1beta1.KubeletAuthorizationModeWebhook},
		CgroupDriver:             "cgroupfs",
		ClusterDomain:            n.ClusterDomain,
		ContainerRuntimeEndpoint: "unix://" + strings.TrimPrefix(socket, "unix://"),
		EvictionHard:             map[string]string{"imagefs.available": "5%", "nodefs.available": "5%"},
		EvictionMinimumReclaim:   map[string]string{"imagefs.available": "10%", "nodefs.available": "10%"},
		FailSwapOn:               &off,
		ProtectKernelDefaults:    n.Config.ProtectKernelDefaults,
		RegisterWithTaints:       taints,
		ResolverConfig:           &resolv,
		SerializeImagePulls:      &off,
		StaticPodPath:            n.Config.AgentDir("pod-manifests"),
		TLSCertFile:              n.Config.AgentDir(pki.KubeletServing + ".crt"),
		TLSPrivateKeyFile:        n.Config.AgentDir(pki.KubeletServing + ".key"),
		// The default lies under /usr, which a node cannot write.
		VolumePluginDir: n.Config.AgentDir("volume-plugins"),
	}
	if n.ServesDNS {
		c.ClusterDNS = []string{n.ClusterDNS.String()}
	}
	b, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	for _, d := range []string{dir, c.StaticPodPath, c.VolumePluginDir, "/var/lib/kubelet", "/var/log/pods", "/var/log/containers"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(dir+"/00-k3s-defaults.conf", b, 0o600)
}

func joinIPs(n *Node) string {
	var out []string
	for _, ip := range n.IPs {
		out = append(out, ip.String())
	}
	return strings.Join(out, ",")
}
