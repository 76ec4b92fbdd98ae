// Package monitoring holds the tests of the monitoring: alerts fire if and only if they should, and every
// metric that alerts, dashboard and docs name is exposed by a running injector or by the API server.
//
// It is a module of its own because it depends on Prometheus' packages, which evaluate the rules.
package monitoring
