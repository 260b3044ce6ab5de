#!/bin/sh
# Builds the node's Go binaries into OUT_DIR: k3s and containerd-shim-runc-v2, and writes the version of k3s to the file
# `version`. Package names go to stderr as they are compiled. The same sources and the same Go give the same bytes.
set -eu

out=${1:?usage: kube/build.sh OUT_DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"

. ./flags.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)+k3os1
containerd=$(go list -m -f '{{.Version}}' github.com/containerd/containerd/v2)
# disablethp: with transparent huge pages, Debian's default, the kernel gives back to the Go heap what it had released:
# 362 MB instead of 216 for a server that had settled. Pods are not affected.
ldflags="-s -w -buildid= -X runtime.godebugDefault=disablethp=1 \
 -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitTreeState=clean \
 -X k8s.io/client-go/pkg/version.gitVersion=$version \
 -X github.com/containerd/containerd/v2/version.Version=$containerd"

# crictl is upstream's package main, which cannot be imported: an overlay makes its files ones of our internal/crictl.
go mod download sigs.k8s.io/cri-tools
for f in "$(go list -m -f '{{.Dir}}' sigs.k8s.io/cri-tools)"/cmd/crictl/*.go; do
	name=${f##*/}
	case $name in *_test.go | *_windows.go | *_freebsd.go) continue ;; esac
	sed -e 's/^package main$/package crictl/' -e 's/^func main()/func upstreamMain()/' "$f" >"$work/$name"
	printf '"%s/internal/crictl/upstream_%s": "%s/%s"\n' "$PWD" "$name" "$work" "$name" >>"$work/files"
done
printf '{"Replace": {%s}}' "$(sed '$!s/$/,/' "$work/files")" >"$work/overlay.json"

build() { # NAME [FLAGS…]
	name=$1
	shift
	go build -v -ldflags "$ldflags" -o "$out/.$name.new" "$@" "./cmd/$name"
	mv "$out/.$name.new" "$out/$name"
}
build containerd-shim-runc-v2 -tags "$tags"
build k3s -tags "$tags,k3os_crictl" -overlay "$work/overlay.json"
printf %s "$version" >"$out/version"
