#!/bin/sh
# Builds upstream's conformance suite into OUT_DIR: e2e.test, the programs of its images (agnhost, nnp), what else these
# hold (files/IMAGE), and in conformance.yaml and images.txt what the suite says of itself.
set -eu

out=${1:?usage: build.sh OUT_DIR}
mkdir -p "$out/files"
out=$(cd "$out" && pwd)
cd "$(dirname "$0")"

# The flags of Kubernetes itself: most packages are in Go's cache then.
. ../../../kube/flags.sh
ldflags="-s -w -buildid="
go test -c -v -vet=off -tags "$tags" -ldflags "$ldflags" -o "$out/e2e.test" k8s.io/kubernetes/test/e2e
go build -v -tags "$tags" -ldflags "$ldflags" -o "$out/agnhost" k8s.io/kubernetes/test/images/agnhost
go build -v -tags "$tags" -ldflags "$ldflags" -o "$out/nnp" k8s.io/kubernetes/test/images/nonewprivs

images=$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/test/images
copy() { # IMAGE FILE…
	mkdir "$out/files/$1"
	to=$1
	shift
	for file in "$@"; do cat "$images/$file" >"$out/files/$to/${file##*/}"; done
}
copy agnhost agnhost/porter/localhost.crt agnhost/porter/localhost.key
copy nautilus nautilus/html/nautilus.jpg nautilus/html/data.json
copy kitten kitten/html/kitten.jpg kitten/html/data.json

cd "$out"
./e2e.test --list-conformance-tests >conformance.yaml
./e2e.test --list-images >images.txt
