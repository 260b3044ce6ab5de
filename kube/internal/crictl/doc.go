// Package crictl links cri-tools' crictl into this binary.
//
// Upstream has it as package main, which cannot be imported. build.sh therefore hands the compiler copies of the
// module's own files with another package name, by `go build -overlay` and the tag k3os_crictl; nothing of it is kept
// here.
package crictl
