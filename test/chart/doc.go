// Package chart holds the tests of the Helm chart that need no cluster: they render it with the real helm,
// for each ci/*-values.yaml and for the values-*.yaml that users start from. Whether an API server accepts
// the result is tested in test/controlplane.
package chart
