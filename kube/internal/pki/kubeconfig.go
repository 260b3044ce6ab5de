package pki

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"k3os.io/kube/internal/files"
)

// Kubeconfigs are the files that WriteKubeconfigs makes, by the certificate that each stands for.
func (s *Store) Kubeconfigs() map[string]string {
	cred := filepath.Join(filepath.Dir(s.Server), "cred")
	all := NodeKubeconfigs(s.Agent)
	all[Admin] = filepath.Join(cred, "admin.kubeconfig")
	all[ControllerManager] = filepath.Join(cred, "controller.kubeconfig")
	all[Scheduler] = filepath.Join(cred, "scheduler.kubeconfig")
	all[Supervisor] = filepath.Join(cred, "supervisor.kubeconfig")
	return all
}

// NodeKubeconfigs are the kubeconfigs of what runs on every node, by the certificate that each stands for.
func NodeKubeconfigs(agentDir string) map[string]string {
	return map[string]string{
		Kubelet:       filepath.Join(agentDir, "kubelet.kubeconfig"),
		KubeProxy:     filepath.Join(agentDir, "kubeproxy.kubeconfig"),
		K3sController: filepath.Join(agentDir, "k3scontroller.kubeconfig"),
	}
}

// WriteNodeKubeconfigs writes the kubeconfigs of a node whose certificates and authority lie in agentDir.
func WriteNodeKubeconfigs(agentDir, server string) error {
	var g errgroup.Group
	for name, file := range NodeKubeconfigs(agentDir) {
		c := kubeconfig(server)
		c.Clusters["default"].CertificateAuthority = filepath.Join(agentDir, ServerCA+".crt")
		c.AuthInfos["default"].ClientCertificate = filepath.Join(agentDir, name+".crt")
		c.AuthInfos["default"].ClientKey = filepath.Join(agentDir, name+".key")
		g.Go(func() error { return writeKubeconfig(file, c, 0o600) })
	}
	return g.Wait()
}

// WriteKubeconfigs writes the components' kubeconfigs. They name files, so a renewed certificate reaches its user.
func (s *Store) WriteKubeconfigs(server string) error {
	files := s.Kubeconfigs()
	var g errgroup.Group
	for _, l := range s.leaves() {
		file, ok := files[l.name]
		if !ok {
			continue
		}
		dir := s.dir(l)
		c := kubeconfig(server)
		c.Clusters["default"].CertificateAuthority = s.CertFile(ServerCA)
		c.AuthInfos["default"].ClientCertificate = filepath.Join(dir, l.name+".crt")
		c.AuthInfos["default"].ClientKey = filepath.Join(dir, l.name+".key")
		g.Go(func() error { return writeKubeconfig(file, c, 0o600) })
	}
	return g.Wait()
}

// WriteAdmin writes the administrator's kubeconfig, complete in itself, so that it can be copied to another machine. It
// belongs to group, a name or a number, unless that is empty.
func (s *Store) WriteAdmin(file, server string, mode os.FileMode, group string) error {
	c := kubeconfig(server)
	for to, from := range map[*[]byte]string{
		&c.Clusters["default"].CertificateAuthorityData: s.CertFile(ServerCA),
		&c.AuthInfos["default"].ClientCertificateData:   s.CertFile(Admin),
		&c.AuthInfos["default"].ClientKeyData:           s.KeyFile(Admin),
	} {
		b, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		*to = b
	}
	if err := writeKubeconfig(file, c, mode); err != nil {
		return fmt.Errorf("cannot write the kubeconfig (choose another place with --write-kubeconfig): %w", err)
	}
	if group == "" {
		return nil
	}
	gid, err := strconv.Atoi(group)
	if err != nil {
		g, err := user.LookupGroup(group)
		if err != nil {
			return fmt.Errorf("--write-kubeconfig-group %s: the machine has no such group; name one of /etc/group", group)
		}
		if gid, err = strconv.Atoi(g.Gid); err != nil {
			return err
		}
	}
	if err := os.Chown(file, -1, gid); err != nil {
		return fmt.Errorf("--write-kubeconfig-group %s: %w", group, err)
	}
	return nil
}

func kubeconfig(server string) *api.Config {
	c := api.NewConfig()
	c.Clusters["default"] = &api.Cluster{Server: server}
	c.AuthInfos["default"] = &api.AuthInfo{}
	c.Contexts["default"] = &api.Context{Cluster: "default", AuthInfo: "default"}
	c.CurrentContext = "default"
	return c
}

func writeKubeconfig(file string, c *api.Config, mode os.FileMode) error {
	b, err := clientcmd.Write(*c)
	if err != nil {
		return err
	}
	return files.Write(file, b, mode)
}
