// Package chart holds the tests of the Helm chart that need no cluster: they render
// it with the real helm, once for each ci/*-values.yaml and for the values-*.yaml that
// users start from. What an API server makes of it is tested in test/controlplane.
package chart
