// Package componentargs builds the command lines of the Kubernetes components.
package componentargs

import (
	"slices"
	"strings"
)

// Merge turns a component's defaults and the user's --…-arg values into its command line, by k3s's rules: name=value
// replaces the default, name+=value stands after it, and name-=value before it. A flag that is given again is repeated.
func Merge(defaults [][2]string, user []string) []string {
	type flag struct {
		name   string
		values []string // each as it follows the name: "=value", or "" for a switch
		own    bool     // the values still hold the default
	}
	var flags []*flag
	for _, d := range defaults {
		flags = append(flags, &flag{d[0], []string{"=" + d[1]}, true})
	}
	for _, arg := range user {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if given {
			value = "=" + value
		}
		name, after := strings.CutSuffix(name, "+")
		name, before := strings.CutSuffix(name, "-")
		i := slices.IndexFunc(flags, func(f *flag) bool { return f.name == name })
		f := &flag{name: name}
		if i >= 0 {
			f = flags[i]
			flags = slices.Delete(flags, i, i+1) // what the user gives comes last
		}
		switch {
		case before:
			f.values = append([]string{value}, f.values...)
		case f.own && !after:
			f.values = []string{value}
		default:
			f.values = append(f.values, value)
		}
		f.own = false
		flags = append(flags, f)
	}
	var args []string
	for _, f := range flags {
		for _, v := range f.values {
			args = append(args, "--"+f.name+v)
		}
	}
	return args
}
