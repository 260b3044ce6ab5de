// Package coredns is cluster DNS: CoreDNS linked into this binary, and the manifest of the pod that runs it. The pod's
// image is nearly empty; it mounts the node's own binary, so DNS costs neither a registry nor 20 MB.
package coredns

import (
	"bytes"
	_ "embed"
	"os"
	"text/template"
)

// Name is what --disable calls the component.
const Name = "coredns"

//go:embed manifest.yaml.tmpl
var manifestText string

// Values are what the manifest depends on.
type Values struct {
	ClusterIP     string
	ClusterDomain string
	Image         string
	Binary        string // "" is this one
}

// Manifest renders the component's objects.
func Manifest(v Values) ([]byte, error) {
	if v.Binary == "" {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		v.Binary = exe
	}
	t, err := template.New("coredns").Parse(manifestText)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, v)
	return out.Bytes(), err
}
