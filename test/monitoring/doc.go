// Package monitoring holds the tests of what an operator sees: the alerts fire when
// they should and only then, and everything that alerts, dashboard and docs name is
// something that a running injector, or the API server, exposes.
//
// It is a module of its own because Prometheus' own packages evaluate the rules.
package monitoring
