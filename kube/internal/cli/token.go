package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/client-go/kubernetes"
	bootstraputil "k8s.io/cluster-bootstrap/token/util"

	"k3os.io/kube/internal/bootstraptoken"
	"k3os.io/kube/internal/token"
)

// How long commands wait for the API, and for all servers.
const (
	requestPatience  = 30 * time.Second
	clusterPatience  = 2 * time.Minute
	fromStandardIn   = "-"
	commandsOfTokens = `Usage:
  k3s token                    print the token of this server, with which servers and agents join
  k3s token create [ID.SECRET] make a token with which agents join for a while, and print it
  k3s token list               show those tokens
  k3s token delete ID…         delete them
  k3s token generate           print a random token, and make none
  k3s token rotate             make another secret the token of the servers

` + "`k3s token COMMAND --help` says more.\n"
)

func runToken(args []string) error { return tokenCommand(args[1:], os.Stdin, os.Stdout, os.Stderr) }

func tokenCommand(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	if isHelp := len(args) > 0 && (args[0] == "--help" || args[0] == "-h"); len(args) == 0 || !isHelp && strings.HasPrefix(args[0], "-") {
		if err := printToken(args, stdout); err != nil {
			return err
		}
		fmt.Fprintln(stderr, "k3s: this is the token of the servers; `k3s token create` makes one that joins agents for a while,"+
			" `k3s token --help` has more")
		return nil
	}
	switch args[0] {
	case "create":
		return createToken(args[1:], stdout)
	case "list":
		return listTokens(args[1:], stdout, stderr)
	case "delete":
		return deleteTokens(args[1:], stdout)
	case "generate":
		return generateToken(args[1:], stdout)
	case "rotate":
		return rotateToken(args[1:], stdin, stdout)
	case "help", "--help", "-h":
		fmt.Fprint(stdout, "Tokens with which machines join.\n\n"+commandsOfTokens)
		return nil
	}
	return fmt.Errorf("%q is not a command of `k3s token`: expected create, list, delete, generate or rotate", args[0])
}

func printToken(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s token [flags]", "Print the token of this server")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	cfg, err := localServer(c.dataDir)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(cfg.ServerDir("token"))
	if err != nil {
		return fmt.Errorf("cannot read the token (is a server running, and are you root?): %w", err)
	}
	_, err = stdout.Write(b)
	return err
}

func createToken(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s token create [ID.SECRET] [flags]", "Make a token with which agents join for a while, and print it").withKubeconfig()
	var o bootstraptoken.Options
	var inYAML bool
	c.StringVar(&o.Description, "description", "", "what it is for, in your `WORDS`")
	c.StringSliceVar(&o.Groups, "groups", []string{bootstraptoken.DefaultGroup}, "`GROUPS` of whoever shows it to the API")
	c.DurationVar(&o.TTL, "ttl", bootstraptoken.DefaultTTL, "`TIME` that it lives, such as 30m; 0 is for ever")
	c.StringSliceVar(&o.Usages, "usages", bootstraptoken.DefaultUsages, "`USAGES`; agents join by authentication")
	c.BoolVar(&inYAML, "print", false, "print what the config.yaml of an agent needs, instead of the token alone (k3OS's own flag)")
	if goOn, err := c.parse(args, 1, stdout); !goOn {
		return err
	}
	o.Token = c.Arg(0)
	if !c.Changed("groups") && len(o.Usages) == 1 && o.Usages[0] == "signing" {
		o.Groups = nil
	}
	client, restConfig, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	made, err := bootstraptoken.Create(ctx, client, o)
	if err != nil {
		return err
	}
	full := token.FormatBootstrap(restConfig.CAData, made)
	if !inYAML {
		fmt.Fprintln(stdout, full)
		return nil
	}
	address, err := apiAddress(ctx, client)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "k3os:\n  server_url: https://%s\n  token: %s\n", address, full)
	return nil
}

// apiAddress is where other machines reach one of the servers.
func apiAddress(ctx context.Context, client kubernetes.Interface) (string, error) {
	slices, err := client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=kubernetes",
	})
	if err != nil {
		return "", err
	}
	for _, s := range slices.Items {
		if len(s.Endpoints) > 0 && len(s.Endpoints[0].Addresses) > 0 && len(s.Ports) > 0 && s.Ports[0].Port != nil {
			return fmt.Sprintf("%s:%d", s.Endpoints[0].Addresses[0], *s.Ports[0].Port), nil
		}
	}
	return "", errors.New("the API does not say yet where it is reached: try again")
}

func listTokens(args []string, stdout, stderr io.Writer) error {
	c := newCommandLine("k3s token list [flags]", "Show the tokens with which agents join for a while").withKubeconfig()
	output := c.StringP("output", "o", "text", "`FORMAT`: text, which shows no secret, json or yaml")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	switch *output {
	case "text", "json", "yaml":
	default:
		return fmt.Errorf("--output: expected text, json or yaml, got %q", *output)
	}
	client, _, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	all, damaged, err := bootstraptoken.List(ctx, client)
	if err != nil {
		return err
	}
	for _, d := range damaged {
		fmt.Fprintf(stderr, "k3s: %v\n", d)
	}
	switch *output {
	case "json":
		return json.NewEncoder(stdout).Encode(all)
	case "yaml":
		return writeYAML(stdout, all)
	}
	w := tabwriter.NewWriter(stdout, 10, 4, 3, ' ', 0)
	fmt.Fprintln(w, "TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS")
	for _, one := range all {
		ttl, expires := "<forever>", "<never>"
		if one.Expires != nil {
			ttl, expires = duration.ShortHumanDuration(time.Until(one.Expires.Time)), one.Expires.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", one.Token.ID, ttl, expires, orNone(one.Usages...), orNone(one.Description), orNone(one.Groups...))
	}
	return w.Flush()
}

func orNone(texts ...string) string {
	if all := strings.Join(texts, ","); all != "" {
		return all
	}
	return "<none>"
}

func deleteTokens(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s token delete ID… [flags]", "Delete tokens with which agents join for a while").withKubeconfig()
	if goOn, err := c.parse(args, len(args), stdout); !goOn {
		return err
	}
	if c.NArg() == 0 {
		return errors.New("which token: `k3s token list` shows their IDs")
	}
	client, _, err := c.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestPatience)
	defer cancel()
	for _, one := range c.Args() {
		id, err := bootstraptoken.Delete(ctx, client, one)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "token %s is deleted\n", id)
	}
	return nil
}

func generateToken(args []string, stdout io.Writer) error {
	c := newCommandLine("k3s token generate [flags]", "Print a random token for `k3s token create`, and make none")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	made, err := bootstraputil.GenerateBootstrapToken()
	if err == nil {
		fmt.Fprintln(stdout, made)
	}
	return err
}

func rotateToken(args []string, stdin io.Reader, stdout io.Writer) error {
	c := newCommandLine("k3s token rotate [flags]", "Make another secret the token of the servers, on all of them").asServer()
	newToken := c.String("new-token", "", "the new `SECRET`, or - to read it from standard input (default a random one)")
	if goOn, err := c.parse(args, 0, stdout); !goOn {
		return err
	}
	secret := *newToken
	switch secret {
	case "":
		secret = token.RandomSecret()
	case fromStandardIn:
		line, err := bufio.NewReader(stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		secret = strings.TrimSpace(line)
	}
	peer, err := c.peer()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), clusterPatience)
	defer cancel()
	unreached, err := peer.RotateToken(ctx, secret)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "The token is changed; `k3s token` on a server prints the new one. Nodes that have joined stay. Correct --token (k3os.token)"+
		" where a configuration has the old one. Keep that with the snapshots that were taken with it.")
	if len(unreached) > 0 {
		fmt.Fprintf(stdout, "These servers do not answer, and take it over when they start: %s\n", strings.Join(unreached, ", "))
	}
	return nil
}
