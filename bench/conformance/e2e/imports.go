//go:build never

// Package conformance compiles nothing: it names what build.sh builds, so that go.mod holds it and what it needs.
package conformance

import (
	_ "k8s.io/kubernetes/test/e2e"
	_ "k8s.io/kubernetes/test/images/agnhost"
	_ "k8s.io/kubernetes/test/images/nonewprivs"
)
