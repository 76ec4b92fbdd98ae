#!/bin/sh
# build.sh FILE: the program, static, with the same bytes wherever it is built from the
# same sources by the same Go. make build, the Dockerfile and the image's tests call it.
#
# TARGETOS and TARGETARCH choose the platform, as in a Dockerfile (default: this
# machine's); VERSION and COMMIT are what the program says of itself. With VERBOSE it names what it compiles.
set -eu
out=${1:?usage: build.sh FILE}
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$(dirname "$0")/.."

# Nothing else in the environment may change the result, nor what go env -w has set for the
# processor. The Makefile compiles tests with -trimpath and without cgo too: they share packages with this.
unset GOEXPERIMENT GODEBUG
export GOAMD64=v1 GOARM64=v8.0 GOFIPS140=off
export CGO_ENABLED=0 GOWORK=off GOFLAGS=-mod=readonly GOOS="${TARGETOS:-}" GOARCH="${TARGETARCH:-}"

exec go build ${VERBOSE:+-v} -trimpath -buildvcs=false \
  -ldflags "-s -w -X main.version=${VERSION:-devel} -X main.commit=${COMMIT:-unknown}" \
  -o "$out" ./cmd/sidecar-injector
