package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
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

// Parse reads, merges and checks. For a single value the command line beats the files, the files beat the environment,
// and the environment beats the default; a list is taken whole from the first of these that has it. Warnings are for
// the user's eyes and never stop the start.
func Parse(src Source) (Server, []string, error) {
	var (
		s          Server
		configFile string
		warnings   []string
	)
	f := newFlagSet(&s, &configFile)

	args, w, err := vet(src.Args, f)
	warnings = append(warnings, w...)
	if err != nil {
		return s, warnings, err
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return s, warnings, ErrHelp
		}
		return s, warnings, fmt.Errorf("%w; `k3s server --help` lists the flags", err)
	}
	if rest := f.Args(); len(rest) > 0 {
		return s, warnings, fmt.Errorf("%q is not a flag; `k3s server --help` lists the flags", rest[0])
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
	return s, warnings, s.complete(src)
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
		case noEffect[name]:
			warnings = append(warnings, fmt.Sprintf("--%s has no effect in this build", name))
			if !hasValue && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
				i++
			}
		default:
			return nil, warnings, f.unknown("--"+name, name)
		}
	}
	return kept, warnings, nil
}

func takesValue(f *pflag.Flag) bool { return f != nil && f.NoOptDefVal == "" }

func (f *flagSet) unknown(shown, name string) error {
	if reason, ok := unsupported[name]; ok {
		return fmt.Errorf("%s is a flag of k3s that this build does not support: %s", shown, reason)
	}
	var names []string
	f.VisitAll(func(x *pflag.Flag) { names = append(names, x.Name) })
	for n := range unsupported {
		names = append(names, n)
	}
	if guess := nearest(name, names); guess != "" {
		return fmt.Errorf("%s is not a flag of k3s: did you mean --%s?", shown, guess)
	}
	return fmt.Errorf("%s is not a flag of k3s; `k3s server --help` lists them", shown)
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
		switch {
		case flag == nil && noEffect[name]:
			warnings = append(warnings, fmt.Sprintf("%s: %s has no effect in this build", v.file, name))
			continue
		case flag == nil && v.isFalse():
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

// complete fills in the defaults that depend on other values and checks what can be checked without the system.
func (s *Server) complete(src Source) error {
	if s.ServerURL != "" {
		return errors.New("--server (K3S_URL) asks to join a cluster, which this build does not support yet: leave it out to run a cluster of one node")
	}
	s.Verbose = max(s.Verbose, takeVerbosity(&s.APIServerArgs), takeVerbosity(&s.ControllerManagerArgs),
		takeVerbosity(&s.SchedulerArgs), takeVerbosity(&s.KubeletArgs), takeVerbosity(&s.KubeProxyArgs))
	if s.Debug {
		s.Verbose = max(s.Verbose, 4)
	}
	if s.Token != "" && s.TokenFile != "" {
		return errors.New("--token and --token-file exclude each other: give one")
	}
	if s.TokenFile != "" {
		b, err := fs.ReadFile(src.Files, rooted(s.TokenFile))
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		s.Token = strings.TrimSpace(string(b))
	}
	if len(s.ClusterCIDR) == 0 {
		s.ClusterCIDR = []string{"10.42.0.0/16"}
	}
	if len(s.ServiceCIDR) == 0 {
		s.ServiceCIDR = []string{"10.43.0.0/16"}
	}
	for flag, cidrs := range map[string][]string{"cluster-cidr": s.ClusterCIDR, "service-cidr": s.ServiceCIDR} {
		for _, c := range cidrs {
			if p, err := netip.ParsePrefix(c); err != nil {
				return fmt.Errorf("--%s: expected a network such as 10.42.0.0/16, got %q", flag, c)
			} else if p.Addr().Is6() {
				return fmt.Errorf("--%s %s: IPv6 is not supported by this build yet", flag, c)
			}
		}
	}
	for flag, addrs := range map[string][]string{
		"node-ip": s.NodeIP, "node-external-ip": s.NodeExternalIP, "cluster-dns": s.ClusterDNS,
		"advertise-address": nonEmpty(s.AdvertiseAddress), "bind-address": nonEmpty(s.BindAddress),
	} {
		for _, a := range addrs {
			if _, err := netip.ParseAddr(a); err != nil {
				return fmt.Errorf("--%s: expected an IP address, got %q", flag, a)
			}
		}
	}
	if s.HTTPSListenPort < 1 || s.HTTPSListenPort > 65535 {
		return fmt.Errorf("--https-listen-port: expected a port between 1 and 65535, got %d", s.HTTPSListenPort)
	}
	switch s.FlannelBackend {
	case "vxlan", "host-gw", "none":
	default:
		return fmt.Errorf("--flannel-backend %s is not supported by this build: use vxlan, host-gw (on one node both are a bridge) or none", s.FlannelBackend)
	}
	if e := s.DatastoreEndpoint; e != "" && e != "sqlite" && !strings.HasPrefix(e, "sqlite://") {
		return fmt.Errorf("--datastore-endpoint %s: this build stores in SQLite only; leave the flag out", scheme(e))
	}
	switch s.Snapshotter {
	case "", "overlayfs", "native":
	default:
		return fmt.Errorf("--snapshotter %s is not supported by this build: use overlayfs or native", s.Snapshotter)
	}
	if s.WriteKubeconfigMode != "" {
		// YAML reads an unquoted 0644 as octal, which arrives here as 420.
		if _, err := strconv.ParseUint(s.WriteKubeconfigMode, 8, 12); err != nil || s.WriteKubeconfigMode == "420" {
			return fmt.Errorf("--write-kubeconfig-mode: expected an octal mode such as \"644\" (in a file: with quotes), got %q", s.WriteKubeconfigMode)
		}
	}
	for _, l := range s.NodeLabels {
		if !strings.Contains(l, "=") {
			return fmt.Errorf("--node-label: expected KEY=VALUE, got %q", l)
		}
	}
	for _, t := range s.NodeTaints {
		if !strings.Contains(t, ":") {
			return fmt.Errorf("--node-taint: expected KEY=VALUE:EFFECT, got %q", t)
		}
	}
	return nil
}

// takeVerbosity removes v=LEVEL from a component's arguments and returns the level: one process has one log, so the
// component that is to say most decides.
func takeVerbosity(args *[]string) (level int) {
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
	s, _, _ := strings.Cut(endpoint, "://")
	return s
}
