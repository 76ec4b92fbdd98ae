// Package controlplane proves on a real control plane (etcd, API server, controller
// manager, built from their modules by test/cluster) that what inject prints is what
// a cluster stores. Its tests carry the build tag controlplane, so that go test ./...
// needs no cluster; make test-controlplane runs them.
package controlplane
