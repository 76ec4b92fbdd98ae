//go:build linux

package main

import (
	"path/filepath"

	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
)

// Names of servers that run the injector, by the templates that they have loaded, and sizes.
const (
	withOne       = "injector"                // the requested template and the built-in ones
	withMany      = "injector-5000"           // 5,000, of which 500 different
	withTen       = "injector-10-selecting"   // ten that select the Grafana pod
	withSelecting = "injector-5000-selecting" // the same ten and 4,990 that select others
	loaded        = 5000                      // templates
	different     = 500                       // of them
	selecting     = 10                        // that select the pod
	usual         = 16                        // connections
	manyAtOnce    = 64                        // connections
	builtIn       = "log-collector"           // the built-in template
	builtInSuffix = ", built-in template"     // of the bodies that ask for it
)

// place is one measured case: a server, a body, and a number of connections.
type place struct {
	Server      string `json:"server"`
	Body        string `json:"body"`
	Connections int    `json:"connections"`
}

// quantity is the part of a load's result that is compared.
type quantity struct {
	name string
	of   func(spent) float64
}

// row is one line of the result: the ratio of a quantity at two places, and its limits.
type row struct {
	figure, what string
	quantity     quantity
	above, below place
	limits
}

// limits are the goal and the value required at least. Zero means that none is set.
type limits struct {
	goal, must float64
	atLeast    bool
	unit       string
}

func cpuPerRequest() quantity {
	return quantity{"CPU per request", func(l spent) float64 { return l.CPU }}
}
func worstLatency() quantity { return quantity{"p99", func(l spent) float64 { return l.P99 }} }
func throughput() quantity {
	return quantity{"throughput", func(l spent) float64 { return l.PerSecond }}
}

// rows returns the guarantees of docs/performance.md that a load run can check.
func rows() []row {
	var list []row
	add := func(figure, what string, q quantity, above, below place, l limits) {
		list = append(list, row{figure, what, q, above, below, l})
	}
	for _, name := range []string{"small", "grafana", "large"} {
		for _, suffix := range []string{"", builtInSuffix} {
			ours, what := place{withOne, name + suffix, usual}, name+suffix
			add(figureOverEcho, what, cpuPerRequest(), ours, place{echo, name, usual}, limits{goal: 3, must: 5})
			add(figureOverTyped, what, cpuPerRequest(), ours, place{typed, name, usual}, limits{goal: 1, must: 1})
			add(figureWorst, what, worstLatency(), ours, place{echo, name, usual}, limits{goal: 3, must: 5})
			if suffix == "" || name == "grafana" {
				add(figureThroughput, what, throughput(),
					place{withOne, name + suffix, manyAtOnce}, place{crt, name, manyAtOnce}, limits{goal: 10, must: 5, atLeast: true})
			}
		}
	}
	grafana := place{withOne, "grafana", usual}
	add(figureMany, "grafana", cpuPerRequest(), place{withMany, "grafana", usual}, grafana, limits{goal: 1.1, must: 1.2})
	add(figureSelecting, "grafana", cpuPerRequest(),
		place{withSelecting, "grafana asking for nothing", usual}, place{withTen, "grafana asking for nothing", usual}, limits{goal: 1.1, must: 1.5})
	for _, suffix := range []string{"", builtInSuffix} {
		add(figureSix, "grafana"+suffix, cpuPerRequest(), place{withOne, "six instances" + suffix, usual}, place{withOne, "grafana" + suffix, usual}, limits{goal: 3, must: 4})
	}
	for _, name := range []string{"3,000 variables", "30 containers"} {
		for _, suffix := range []string{"", builtInSuffix} {
			add(figureLong, name+suffix, cpuPerRequest(), place{withOne, name + suffix, usual}, place{echo, name, usual}, limits{goal: 3, must: 5})
		}
	}
	nothing := "grafana asking for nothing"
	add(figureNothing, "grafana", cpuPerRequest(), place{withOne, nothing, usual}, place{echo, nothing, usual}, limits{goal: 1.3, must: 1.5})
	return list
}

// launcher starts servers by name.
type launcher struct {
	core   int
	folder string
	binary string // the injector
	self   string // this program, which serves the floors
}

func (l *launcher) start(name string) (*server, error) {
	switch name {
	case withOne:
		return l.injector(name, traffic.OneTemplate())
	case withMany:
		return l.injector(name, traffic.ManyTemplates(loaded, different))
	case withTen:
		return l.injector(name, traffic.SelectingTemplates(selecting, selecting, different))
	case withSelecting:
		return l.injector(name, traffic.SelectingTemplates(loaded, selecting, different))
	}
	return launch(name, l.core, l.folder, func(address, bundle string) []string {
		return []string{l.self, "-floor", name, "-listen", address, "-bundle", bundle}
	})
}

// injector starts the program with all features enabled: metrics, health, the log of every decision.
// templates are written into its folder.
func (l *launcher) injector(name string, templates traffic.Collection, flags ...string) (*server, error) {
	folder := filepath.Join(l.folder, name+"-templates")
	if err := templates.Write(folder); err != nil {
		return nil, err
	}
	return launch(name, l.core, l.folder, func(address, bundle string) []string {
		return append([]string{l.binary, "serve", "--standalone", "--listen", address, "--ca-out", bundle, "--template-dir", folder,
			"--metrics-listen", "127.0.0.1:0", "--health-listen", "127.0.0.1:0", "--drain", "0s"}, flags...)
	})
}
