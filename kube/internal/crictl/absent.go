//go:build !k3os_crictl

package crictl

import "errors"

// Main says why there is no crictl: a plain `go build` has no overlay.
func Main() error {
	return errors.New("this binary was built without crictl: build it with kube/build.sh")
}
