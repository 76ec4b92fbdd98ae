// Package controlplane tests on a real control plane (etcd, API server, controller manager, built from their
// modules by test/cluster) that the output of inject is what a cluster stores. Its tests have the build tag
// controlplane, so that go test ./... needs no cluster; make test-controlplane runs them.
package controlplane
