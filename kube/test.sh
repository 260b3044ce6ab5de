#!/bin/sh
# Runs the unit tests: kube/test.sh [go test's arguments].
set -eu
cd "$(dirname "$0")"
. ./flags.sh
exec go test -tags "$tags" "$@" ./...
