package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/robfig/cron/v3"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"k3os.io/kube/internal/encryption"
	"k3os.io/kube/internal/token"
)

// ErrHelp says that the user asked for help and nothing else is wrong.
var ErrHelp = pflag.ErrHelp

// A Source is what the configuration is read from; tests bring their own.
type Source struct {
	Args   []string
	Getenv func(string) string
	Files  fs.FS // rooted at /
}

// System is the process's own source with the given arguments.
func System(args []string) Source { return Source{args, os.Getenv, os.DirFS("/")} }

// Parse reads, merges and checks the configuration of a server. For a single value the command line beats the files,
// the files beat the environment, and the environment beats the default; a list is taken whole from the first of these
// that has it. Warnings are for the user's eyes and never stop the start.
func Parse(src Source) (Server, []string, error) {
	s, warnings, err := parse(RoleServer, src)
	switch {
	case err != nil:
	case s.ServerURL != "" && s.Token == "":
		err = errors.New("--token (K3S_TOKEN) is missing: a server that joins others needs the one in " +
			"/var/lib/rancher/k3s/server/token of one of them")
	case s.SecretsEncryption && s.HasExternalDatastore():
		err = errors.New("--secrets-encryption: this build does not share its keys by a database yet, and servers with different ones" +
			" could not read each other's Secrets: drop the flag, or give all servers the same file with" +
			" --kube-apiserver-arg=encryption-provider-config=FILE")
	case s.DatastoreEndpoint != "" && (s.ClusterInit || s.ServerURL != "" && !s.HasExternalDatastore()):
		err = errors.New("--datastore-endpoint and etcd (--cluster-init, --server) exclude each other: give one")
	case s.Reset.From != "" && !s.Reset.Wanted:
		err = errors.New("--cluster-reset-restore-path needs --cluster-reset beside it")
	case s.ServerURL != "" && s.ClusterInit:
		err = errors.New("--cluster-init begins a cluster and --server joins one: give one of them")
	}
	if s.HasExternalDatastore() && s.ServerURL != "" {
		warnings = append(warnings, "--server has no effect: servers find their cluster in the database of --datastore-endpoint")
		s.ServerURL = ""
	}
	if err == nil {
		if s.LocalStoragePath == "" {
			s.LocalStoragePath = filepath.Join(s.DataDir, "storage")
		}
		err = s.ControlPlane.check()
	}
	if s.Snapshots.Dir == "" {
		s.Snapshots.Dir, _ = filepath.Abs(s.ServerDir("db", "snapshots"))
	}
	return s, warnings, err
}

// ParseAgent is Parse for an agent. A checked value has a ServerURL and a Token.
func ParseAgent(src Source) (Agent, []string, error) {
	s, warnings, err := parse(RoleAgent, src)
	switch {
	case err != nil:
	case s.ServerURL == "":
		err = errors.New("--server (K3S_URL) is missing: an agent needs the address of a server," +
			" such as https://server.example:6443")
	case s.Token == "":
		err = errors.New("--token (K3S_TOKEN) is missing: an agent needs the one in " +
			"/var/lib/rancher/k3s/server/node-token of the server")
	}
	switch {
	case err != nil:
	case s.lbServerPort < 1 || s.lbServerPort > 65535:
		err = fmt.Errorf("--lb-server-port: expected a port between 1 and 65535, got %d", s.lbServerPort)
	case s.BindAddress != "":
		warnings = append(warnings, "--bind-address has no effect on an agent: it listens for this machine alone")
	}
	return Agent{s.Node, s.Join, s.lbServerPort}, warnings, err
}

// parse fills in what the role has, and checks all but the control plane.
func parse(role Role, src Source) (Server, []string, error) {
	var (
		s          Server
		configFile string
		warnings   []string
	)
	f := newFlagSet(role, &s, &configFile)
	help := fmt.Sprintf("`k3s %s --help` lists the flags", role)

	args, w, err := vet(src.Args, f)
	warnings = append(warnings, w...)
	if err != nil {
		return s, warnings, err
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return s, warnings, ErrHelp
		}
		return s, warnings, fmt.Errorf("%w; %s", err, help)
	}
	if rest := f.Args(); len(rest) > 0 {
		return s, warnings, fmt.Errorf("%q is not a flag; %s", rest[0], help)
	}
	if !f.Changed("config") {
		if v := src.Getenv("K3S_CONFIG_FILE"); v != "" {
			configFile = v
		}
	}
	required := configFile != DefaultConfigFile
	values, err := readFiles(src.Files, configFile, required)
	if err != nil {
		return s, warnings, err
	}
	w, err = f.applyFiles(values)
	warnings = append(warnings, w...)
	if err != nil {
		return s, warnings, err
	}
	w, err = f.applyEnv(src.Getenv)
	warnings = append(warnings, w...)
	if err != nil {
		return s, warnings, err
	}
	if role == RoleServer && s.egressSelectorMode != "disabled" {
		warnings = append(warnings, "--egress-selector-mode has no effect: the API reaches nodes directly, as with disabled")
	}
	s.given = map[string]bool{}
	f.VisitAll(func(flag *pflag.Flag) { s.given[flag.Name] = flag.Changed })
	s.takeVerbosity()
	if err := s.Join.complete(src); err != nil {
		return s, warnings, err
	}
	return s, warnings, s.Node.check()
}

// vet answers for flags that pflag does not know: old names are translated, those without effect are dropped, and the
// rest gets an error that helps.
func vet(args []string, f *flagSet) (kept, warnings []string, err error) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return append(kept, args[i:]...), warnings, nil
		}
		name, value, hasValue := strings.Cut(arg, "=")
		// k3s's parser takes -flag for --flag.
		if strings.HasPrefix(name, "-") && !strings.HasPrefix(name, "--") && len(name) > 2 {
			name = "-" + name
			arg = "-" + arg
		}
		if !strings.HasPrefix(name, "--") {
			kept = append(kept, arg)
			if len(name) == 2 && name[0] == '-' && !hasValue && i+1 < len(args) && takesValue(f.ShorthandLookup(name[1:])) {
				i++
				kept = append(kept, args[i])
			}
			continue
		}
		name = strings.TrimPrefix(name, "--")
		if now, ok := renamed[name]; ok {
			warnings = append(warnings, fmt.Sprintf("--%s is called --%s today", name, now))
			name = now
			arg = "--" + now
			if hasValue {
				arg += "=" + value
			}
		}
		flag := f.Lookup(name)
		switch {
		case flag != nil || name == "help":
			kept = append(kept, arg)
			if !hasValue && takesValue(flag) && i+1 < len(args) {
				i++
				kept = append(kept, args[i])
			}
		case isWithoutEffect(name):
			warnings = append(warnings, noEffect("--"+name, name))
			if !hasValue && !withoutEffect[name].toggle && i+1 < len(args) {
				i++
			}
		case hasValue && unsupported[name].toggle && unsupported[name].isOff([]string{value}):
		default:
			return nil, warnings, f.unknown("--"+name, name)
		}
	}
	return kept, warnings, nil
}

func isWithoutEffect(name string) bool {
	_, ok := withoutEffect[name]
	return ok
}

func noEffect(shown, name string) string {
	return fmt.Sprintf("%s has no effect in this build: %s", shown, withoutEffect[name].reason)
}

func takesValue(f *pflag.Flag) bool { return f != nil && f.NoOptDefVal == "" }

func (f *flagSet) unknown(shown, name string) error {
	if a, ok := unsupported[name]; ok {
		return fmt.Errorf("%s is a flag of k3s that this build does not support: %s", shown, a.reason)
	}
	if role, ok := f.elsewhere[name]; ok {
		return fmt.Errorf("%s is a flag of `k3s %s`, not of `k3s %s`", shown, role, f.role)
	}
	var names []string
	f.VisitAll(func(x *pflag.Flag) { names = append(names, x.Name) })
	for n := range unsupported {
		names = append(names, n)
	}
	if guess := nearest(name, names); guess != "" {
		return fmt.Errorf("%s is not a flag of k3s: did you mean --%s?", shown, guess)
	}
	return fmt.Errorf("%s is not a flag of k3s; `k3s %s --help` lists them", shown, f.role)
}

// applyFiles sets what the command line left open.
func (f *flagSet) applyFiles(values []setting) (warnings []string, err error) {
	for _, v := range values {
		name := v.key
		if now, ok := renamed[name]; ok {
			warnings = append(warnings, fmt.Sprintf("%s: %s is called %s today", v.file, name, now))
			name = now
		}
		flag := f.Lookup(name)
		refused, isRefused := unsupported[name]
		switch {
		case flag == nil && isWithoutEffect(name):
			warnings = append(warnings, v.file+": "+noEffect(name, name))
			continue
		case flag == nil && f.elsewhere[name] != 0:
			warnings = append(warnings, fmt.Sprintf("%s: %s is for `k3s %s`; `k3s %s` ignores it",
				v.file, name, f.elsewhere[name], f.role))
			continue
		case flag == nil && isRefused && refused.isOff(v.values):
			continue
		case flag == nil:
			return warnings, fmt.Errorf("%s: %w", v.file, f.unknown(name, name))
		case flag.Changed:
			continue
		}
		if err := set(flag, v.values); err != nil {
			return warnings, fmt.Errorf("%s: %s: %w", v.file, v.key, err)
		}
	}
	for _, v := range values {
		if flag := f.Lookup(v.key); flag != nil {
			flag.Changed = true
		}
	}
	return warnings, nil
}

func (f *flagSet) applyEnv(getenv func(string) string) (warnings []string, err error) {
	for old, now := range renamedEnv {
		if getenv(old) == "" || getenv(now) != "" {
			continue
		}
		warnings = append(warnings, fmt.Sprintf("%s is called %s today", old, now))
		if flag := f.Lookup("token"); !flag.Changed {
			_ = set(flag, []string{getenv(old)})
			flag.Changed = true
		}
	}
	// In the order of their names, so that the same mistakes are told alike every time.
	for _, name := range slices.Sorted(maps.Keys(withoutEffect)) {
		if a := withoutEffect[name]; a.env != "" && getenv(a.env) != "" {
			warnings = append(warnings, "environment variable "+noEffect(a.env, name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unsupported)) {
		if a := unsupported[name]; a.env != "" && !a.isOff([]string{getenv(a.env)}) {
			return warnings, fmt.Errorf("environment variable %w", f.unknown(a.env+" (--"+name+")", name))
		}
	}
	for name, env := range f.env {
		v := getenv(env)
		flag := f.Lookup(name)
		if v == "" || flag.Changed || name == "config" {
			continue
		}
		if err := set(flag, []string{v}); err != nil {
			return warnings, fmt.Errorf("environment variable %s: %w", env, err)
		}
		flag.Changed = true
	}
	return warnings, nil
}

// set replaces a flag's value, which pflag's own Set does not do for lists.
func set(flag *pflag.Flag, values []string) error {
	if list, ok := flag.Value.(pflag.SliceValue); ok {
		var all []string
		for _, v := range values {
			if flag.Value.Type() == "stringSlice" {
				all = append(all, strings.Split(v, ",")...)
			} else {
				all = append(all, v)
			}
		}
		return list.Replace(all)
	}
	if len(values) != 1 {
		return fmt.Errorf("expected one value, got a list of %d", len(values))
	}
	if err := flag.Value.Set(values[0]); err != nil {
		return fmt.Errorf("expected a value of type %s, got %q", flag.Value.Type(), values[0])
	}
	return nil
}

// takeVerbosity takes the level of detail from wherever it was given: one process has one log, so the component that is
// to say most decides.
func (s *Server) takeVerbosity() {
	for _, args := range []*[]string{
		&s.APIServerArgs, &s.ControllerManagerArgs, &s.SchedulerArgs, &s.KubeletArgs, &s.KubeProxyArgs,
	} {
		s.Verbose = max(s.Verbose, takeLevel(args))
	}
	if s.Debug {
		s.Verbose = max(s.Verbose, 4)
	}
}

// complete reads the tokens' files, and checks tokens and address.
func (j *Join) complete(src Source) error {
	if err := completeToken(src, "--token", &j.Token, j.TokenFile); err != nil {
		return err
	}
	if err := completeToken(src, "--agent-token", &j.AgentToken, j.AgentTokenFile); err != nil {
		return err
	}
	if j.ServerURL == "" {
		return nil
	}
	u, err := url.Parse(j.ServerURL)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return errors.New("--server: expected the address of a server such as https://server.example:6443," +
			" with https and without a path or a user")
	}
	// What net/url takes for granted, in full.
	port := u.Port()
	if port == "" {
		port = "443"
	}
	j.ServerURL = "https://" + net.JoinHostPort(u.Hostname(), port)
	return nil
}

func completeToken(src Source, flag string, text *string, file string) error {
	if *text != "" && file != "" {
		return fmt.Errorf("%s and %s-file exclude each other: give one", flag, flag)
	}
	if file != "" {
		flag += "-file"
		b, err := fs.ReadFile(src.Files, rooted(file))
		if err != nil {
			return fmt.Errorf("%s: %w", flag, err)
		}
		if *text = strings.TrimSpace(string(b)); *text == "" {
			return fmt.Errorf("%s: %s is empty: write a token into it, or leave the flag out", flag, file)
		}
	}
	if *text == "" {
		return nil
	}
	if _, err := token.Parse(*text); err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	return nil
}

// check looks at what every machine has.
func (n *Node) check() error {
	if err := checkAddresses("node-ip", n.NodeIP); err != nil {
		return err
	}
	if err := checkAddresses("node-external-ip", n.NodeExternalIP); err != nil {
		return err
	}
	for flag, names := range map[string][]string{"node-internal-dns": n.NodeInternalDNS, "node-external-dns": n.NodeExternalDNS} {
		for _, name := range names {
			if len(validation.IsDNS1123Subdomain(name)) > 0 {
				return fmt.Errorf("--%s: expected a DNS name, got %q", flag, name)
			}
		}
	}
	if err := checkAddresses("bind-address", nonEmpty(n.BindAddress)); err != nil {
		return err
	}
	switch n.Snapshotter {
	case "", "overlayfs", "native":
	default:
		return fmt.Errorf("--snapshotter %s is not supported by this build: use overlayfs or native", n.Snapshotter)
	}
	for _, l := range n.NodeLabels {
		if !strings.Contains(l, "=") {
			return fmt.Errorf("--node-label: expected KEY=VALUE, got %q", l)
		}
	}
	for _, t := range n.NodeTaints {
		if !strings.Contains(t, ":") {
			return fmt.Errorf("--node-taint: expected KEY=VALUE:EFFECT, got %q", t)
		}
	}
	return nil
}

// check fills in the defaults that depend on other values, and looks at the rest.
func (c *ControlPlane) check() error {
	if len(c.ClusterCIDR) == 0 {
		c.ClusterCIDR = []string{"10.42.0.0/16"}
	}
	if len(c.ServiceCIDR) == 0 {
		c.ServiceCIDR = []string{"10.43.0.0/16"}
	}
	for flag, cidrs := range map[string][]string{"cluster-cidr": c.ClusterCIDR, "service-cidr": c.ServiceCIDR} {
		for _, c := range cidrs {
			if p, err := netip.ParsePrefix(c); err != nil {
				return fmt.Errorf("--%s: expected a network such as 10.42.0.0/16, got %q", flag, c)
			} else if p.Addr().Is6() {
				return fmt.Errorf("--%s %s: IPv6 is not supported by this build yet", flag, c)
			}
		}
	}
	if err := checkAddresses("cluster-dns", c.ClusterDNS); err != nil {
		return err
	}
	if err := checkAddresses("advertise-address", nonEmpty(c.AdvertiseAddress)); err != nil {
		return err
	}
	if p := c.LocalStoragePath; !filepath.IsAbs(p) || filepath.Clean(p) != p || p == "/" {
		return fmt.Errorf("--default-local-storage-path: expected an absolute path such as /mnt/volumes, got %q", p)
	}
	if p := c.SecretsEncryptionProvider; !slices.Contains(encryption.Providers, p) {
		return fmt.Errorf("--secrets-encryption-provider: expected %s, got %q", strings.Join(encryption.Providers, " or "), p)
	}
	if own := func(arg string) bool {
		return strings.HasPrefix(strings.TrimLeft(arg, "-"), "encryption-provider-config")
	}; c.SecretsEncryption &&
		slices.ContainsFunc(c.APIServerArgs, own) {
		return errors.New("--secrets-encryption and --kube-apiserver-arg=encryption-provider-config exclude each other: give one")
	}
	if c.HTTPSListenPort < 1 || c.HTTPSListenPort > 65535 {
		return fmt.Errorf("--https-listen-port: expected a port between 1 and 65535, got %d", c.HTTPSListenPort)
	}
	switch c.FlannelBackend {
	case "vxlan", "host-gw", "wireguard-native", "none":
	default:
		return fmt.Errorf("--flannel-backend %s is not supported by this build: use vxlan, host-gw, wireguard-native or none", c.FlannelBackend)
	}
	if c.FlannelExternalIP && (c.FlannelBackend == "host-gw" || c.FlannelBackend == "none") {
		return fmt.Errorf("--flannel-external-ip: --flannel-backend=%s leads to no external addresses; use wireguard-native or vxlan", c.FlannelBackend)
	}
	if e := c.DatastoreEndpoint; e != "" && e != "sqlite" && !strings.HasPrefix(e, "sqlite://") && !c.HasExternalDatastore() {
		return fmt.Errorf("--datastore-endpoint %s: this build stores in SQLite, in PostgreSQL (postgres://…), in MySQL or MariaDB"+
			" (mysql://…), or in etcd of its own with --cluster-init", scheme(e))
	}
	for flag, file := range map[string]string{
		"cafile": c.DatastoreCAFile, "certfile": c.DatastoreCertFile, "keyfile": c.DatastoreKeyFile,
	} {
		if file != "" && !c.HasExternalDatastore() {
			return fmt.Errorf("--datastore-%s is about a database on another machine: give --datastore-endpoint, too, or drop it", flag)
		}
	}
	if (c.DatastoreCertFile == "") != (c.DatastoreKeyFile == "") {
		return errors.New("--datastore-certfile and --datastore-keyfile belong together: give both")
	}
	if err := c.Snapshots.check(); err != nil {
		return err
	}
	if !c.tlsSANSecurity {
		return errors.New("--tls-san-security=false: a certificate of this build does not take on names by itself;" +
			" list them with --tls-san")
	}
	switch c.egressSelectorMode {
	case "disabled", "agent", "cluster", "pod":
	default:
		return fmt.Errorf("--egress-selector-mode: expected disabled, got %q", c.egressSelectorMode)
	}
	if c.WriteKubeconfigMode != "" {
		// YAML reads an unquoted 0644 as octal, which arrives here as 420.
		if _, err := strconv.ParseUint(c.WriteKubeconfigMode, 8, 12); err != nil || c.WriteKubeconfigMode == "420" {
			return fmt.Errorf("--write-kubeconfig-mode: expected an octal mode such as \"644\" (in a file: with quotes), got %q", c.WriteKubeconfigMode)
		}
	}
	return nil
}

func (s Snapshots) check() error {
	if _, err := cron.ParseStandard(s.Schedule); err != nil {
		return fmt.Errorf("--etcd-snapshot-schedule-cron: expected a schedule of cron such as \"0 */12 * * *\", got %q: %w",
			s.Schedule, err)
	}
	if err := CheckSnapshotName("--etcd-snapshot-name", s.Name); err != nil {
		return err
	}
	if err := s.CheckPlace(); err != nil {
		return err
	}
	return s.S3.check()
}

// CheckPlace looks at what a request may set, too: where snapshots are, and how many are kept.
func (s Snapshots) CheckPlace() error {
	if s.Retention < 0 {
		return fmt.Errorf("--etcd-snapshot-retention: expected a number of snapshots, got %d", s.Retention)
	}
	if s.Dir != "" && !filepath.IsAbs(s.Dir) {
		return fmt.Errorf("--etcd-snapshot-dir: expected an absolute path, got %q", s.Dir)
	}
	return nil
}

// snapshotName is of what a user may choose: it must be a name of a file, whatever comes after it.
var snapshotName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// CheckSnapshotName looks at what the names of snapshots are to begin with, by this flag.
func CheckSnapshotName(flag, name string) error {
	if !snapshotName.MatchString(name) {
		return fmt.Errorf("%s: expected letters, digits, ., - and _, beginning with a letter or a digit, got %q", flag, name)
	}
	return nil
}

func (s S3) check() error {
	switch {
	case !s.Enabled:
		return nil
	case s.Bucket == "":
		return errors.New("--etcd-s3-bucket is missing: --etcd-s3 needs the name of a bucket")
	case s.Endpoint == "" || strings.Contains(s.Endpoint, "/"):
		return fmt.Errorf("--etcd-s3-endpoint: expected HOST or HOST:PORT, got %q", s.Endpoint)
	case (s.AccessKey == "") != (s.SecretKey == ""):
		return errors.New("--etcd-s3-access-key and --etcd-s3-secret-key belong together: give both, or none of them")
	case s.BucketLookup != "auto" && s.BucketLookup != "dns" && s.BucketLookup != "path":
		return fmt.Errorf("--etcd-s3-bucket-lookup-type: expected auto, dns or path, got %q", s.BucketLookup)
	case s.Timeout <= 0:
		return fmt.Errorf("--etcd-s3-timeout: expected a time such as 5m, got %s", s.Timeout)
	case s.Retention < 0:
		return fmt.Errorf("--etcd-s3-retention: expected a number of snapshots, got %d", s.Retention)
	}
	if u, err := url.Parse(s.Proxy); s.Proxy != "" && (err != nil || u.Host == "") {
		return errors.New("--etcd-s3-proxy: expected a URL such as http://proxy.example:3128")
	}
	return nil
}

func checkAddresses(flag string, addresses []string) error {
	for _, a := range addresses {
		if _, err := netip.ParseAddr(a); err != nil {
			return fmt.Errorf("--%s: expected an IP address, got %q", flag, a)
		}
	}
	return nil
}

// takeLevel removes v=LEVEL from a component's arguments and returns the level.
func takeLevel(args *[]string) (level int) {
	var rest []string
	for _, a := range *args {
		name, value, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if n, err := strconv.Atoi(value); err == nil && name == "v" {
			level = max(level, n)
			continue
		}
		rest = append(rest, a)
	}
	*args = rest
	return level
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// scheme keeps the credentials of a datastore endpoint out of an error.
func scheme(endpoint string) string {
	s, _, found := strings.Cut(endpoint, "://")
	if !found {
		return "without ://"
	}
	return s
}
