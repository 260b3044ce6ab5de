package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"k3os.io/kube/internal/config"
	"k3os.io/kube/internal/join"
)

// localServer is the configuration of the server on this machine. dataDir is what a flag says, or "".
func localServer(dataDir string) (config.Server, error) {
	cfg, _, err := config.Parse(config.System(nil))
	if dataDir != "" {
		cfg.DataDir = dataDir
	}
	return cfg, err
}

// A commandLine is the flags that k3s's commands about a cluster have in common.
type commandLine struct {
	*pflag.FlagSet
	use, short string
	dataDir    string
	kubeconfig string
}

func newCommandLine(use, short string) *commandLine {
	c := &commandLine{FlagSet: pflag.NewFlagSet(use, pflag.ContinueOnError), use: use, short: short}
	c.SortFlags = false
	c.StringVarP(&c.dataDir, "data-dir", "d", "", "`DIR` of the server's state (default that of its configuration)")
	return c
}

func (c *commandLine) withKubeconfig() *commandLine {
	c.StringVar(&c.kubeconfig, "kubeconfig", "", "`FILE` to reach the API with (default $KUBECONFIG, or that of this server's administrator)")
	return c
}

// parse returns false when it has printed the help.
func (c *commandLine) parse(args []string, atMost int, stdout io.Writer) (goOn bool, err error) {
	c.Usage = func() { fmt.Fprintf(stdout, "%s.\n\nUsage:\n  %s\n\nFlags:\n%s", c.short, c.use, c.FlagUsages()) }
	err = c.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return false, nil
	case err == nil && c.NArg() > atMost:
		err = fmt.Errorf("%q is one argument too many", c.Arg(atMost))
	}
	if err != nil {
		return false, fmt.Errorf("%w; `k3s %s --help` lists the flags", err, c.name())
	}
	return true, nil
}

// name is the command without `k3s` and without what follows it.
func (c *commandLine) name() string {
	words := strings.Fields(c.use)[1:3]
	return strings.TrimSuffix(strings.Join(words, " "), " [flags]")
}

// client reaches the API as the administrator.
func (c *commandLine) client() (kubernetes.Interface, *rest.Config, error) {
	file := c.kubeconfig
	if file == "" {
		file = os.Getenv("KUBECONFIG")
	}
	if file == "" {
		cfg, err := localServer(c.dataDir)
		if err != nil {
			return nil, nil, err
		}
		file = cfg.WriteKubeconfig
	}
	if _, err := os.Stat(file); err != nil {
		return nil, nil, fmt.Errorf("cannot read the kubeconfig: is a server running, and are you root; or give --kubeconfig: %w", err)
	}
	restConfig, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if err := rest.LoadTLSFiles(restConfig); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	client, err := kubernetes.NewForConfig(restConfig)
	return client, restConfig, err
}

// asServer has the flags of commands that show a server its own token.
func (c *commandLine) asServer() *commandLine {
	c.StringP("server", "s", "", "`URL` of the server (default that on this machine)")
	c.StringP("token", "t", "", "the token that counts now (default that in server/token); it is seen in the list of processes")
	return c
}

// peer is the server that asServer's flags name.
func (c *commandLine) peer() (*join.Peer, error) {
	cfg, err := localServer(c.dataDir)
	if err != nil {
		return nil, err
	}
	url, _ := c.GetString("server")
	text, _ := c.GetString("token")
	if url == "" {
		url = fmt.Sprintf("https://127.0.0.1:%d", cfg.HTTPSListenPort)
	}
	if text == "" {
		b, err := os.ReadFile(cfg.ServerDir("token"))
		if err != nil {
			return nil, fmt.Errorf("cannot read the token: run this on a server as root, or give --server and --token: %w", err)
		}
		text = strings.TrimSpace(string(b))
	}
	cfg.ServerURL, cfg.Token = url, text
	return join.NewPeer(cfg, cfg.NodeName, nil)
}

func writeYAML(w io.Writer, value any) error {
	b, err := yaml.Marshal(value)
	if err == nil {
		_, err = w.Write(b)
	}
	return err
}
