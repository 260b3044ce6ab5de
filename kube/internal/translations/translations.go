// Package translations keeps kubectl's messages in other languages away from every process that is not kubectl. kubectl
// loads and unpacks them as soon as one of its packages is initialised, and all of them are in this binary.
package translations

import (
	"os"
	"path/filepath"

	"k8s.io/kubectl/pkg/util/i18n"
)

// spared says that a message was asked for and nothing was loaded for it.
var spared bool

// Go initialises packages that do not need each other in the order of their names, so this runs before any of kubectl's
// packages asks for a message.
func init() {
	if !isKubectl(os.Args) {
		// It can only fail when they are loaded already, which then stands.
		_ = i18n.SetLoadTranslationsFunc(func() error { spared = true; return nil })
	}
}

func isKubectl(args []string) bool {
	return len(args) > 0 && filepath.Base(args[0]) == "kubectl" || len(args) > 1 && args[1] == "kubectl"
}
