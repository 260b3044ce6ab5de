package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
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
