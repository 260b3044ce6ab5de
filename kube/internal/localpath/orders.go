// Package localpath is k3s's local storage: volumes that are directories of a node.
//
// A server makes the PersistentVolumes, and a node makes and removes the directories. The server asks by an
// annotation of the Node, one for each volume, and the node answers in its place: each may write that, and it waits
// there for a node that is away. A node removes a directory only if it is asked for this one, so neither an API
// that errs nor the API of another cluster can cost data.
package localpath

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Provisioner is the name that StorageClasses and claims know, local-path-provisioner's own.
const Provisioner = "rancher.io/local-path"

// annotations begin with this; the volume's name follows.
const annotations = "volumes.k3os.io/"

// What a server asks a node, and what the node answers.
const (
	toMake   = "make"
	toRemove = "remove"

	done   = "done"
	failed = "failed"
)

// An order is one volume's annotation: `make PATH`, `done make PATH`, `failed make PATH: REASON`.
type order struct {
	verb   string // toMake or toRemove
	path   string
	answer string // "", done or failed
	reason string // why it failed
}

func (o order) String() string {
	switch o.answer {
	case "":
		return o.verb + " " + o.path
	case done:
		return done + " " + o.verb + " " + o.path
	}
	return failed + " " + o.verb + " " + o.path + ": " + o.reason
}

func parseOrder(text string) (o order, ok bool) {
	for _, answer := range []string{done, failed} {
		if rest, found := strings.CutPrefix(text, answer+" "); found {
			o.answer, text = answer, rest
			break
		}
	}
	o.verb, o.path, ok = strings.Cut(text, " ")
	if o.answer == failed {
		o.path, o.reason, _ = strings.Cut(o.path, ": ")
	}
	return o, ok && (o.verb == toMake || o.verb == toRemove)
}

// answers tells whether o is the node's answer to what was asked.
func (o order) answers(asked order) bool {
	return o.answer != "" && o.verb == asked.verb && o.path == asked.path
}

// Directory is where a claim's volume lies, by k3s's rule.
func directory(root, volume, namespace, claim string) string {
	return filepath.Join(root, strings.Join([]string{volume, namespace, claim}, "_"))
}

var volumeName = regexp.MustCompile(`^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// checkPath refuses every path that cannot be the directory of this volume. The name of a volume has the claim's
// UID, so a directory of that name belongs to this cluster.
func checkPath(volume, path string) error {
	switch {
	case !volumeName.MatchString(volume):
		return fmt.Errorf("%q is not the name of a volume that was provisioned: expected pvc-UID", volume)
	case !filepath.IsAbs(path) || filepath.Clean(path) != path:
		return fmt.Errorf("%q is not the absolute path of a directory", path)
	case !strings.HasPrefix(filepath.Base(path), volume+"_") || filepath.Dir(path) == "/":
		return fmt.Errorf("%q is not the directory of volume %s: expected DIR/%s_NAMESPACE_CLAIM", path, volume, volume)
	}
	return nil
}
