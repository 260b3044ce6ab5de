// Package componentargs builds the command lines of the Kubernetes components.
package componentargs

import "strings"

// Merge turns a component's defaults and the user's --…-arg values into its command line. A flag that the user gives
// replaces ours as a whole; one that he repeats is repeated.
func Merge(defaults [][2]string, user []string) []string {
	given := map[string]bool{}
	for _, a := range user {
		name, _, _ := strings.Cut(strings.TrimLeft(a, "-"), "=")
		given[name] = true
	}
	var args []string
	for _, d := range defaults {
		if !given[d[0]] {
			args = append(args, "--"+d[0]+"="+d[1])
		}
	}
	for _, a := range user {
		args = append(args, "--"+strings.TrimLeft(a, "-"))
	}
	return args
}
