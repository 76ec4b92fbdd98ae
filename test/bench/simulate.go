//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// simulateOptions are the flags of simulate.
type simulateOptions struct {
	admissions int
	cluster    traffic.Cluster
	rate       int
	steady     time.Duration
	binary     string
	raw, page  string
}

// simulateCommand runs the injector with the requests that the API server of a large cluster sends.
func simulateCommand(arguments []string) error {
	var o simulateOptions
	flags := flag.NewFlagSet("simulate", flag.ExitOnError)
	flags.IntVar(&o.admissions, "admissions", 100000, "`number` of reviews to send")
	flags.IntVar(&o.cluster.Namespaces, "namespaces", 1000, "`number` of namespaces")
	flags.IntVar(&o.cluster.Templates, "templates", 500, "`number` of the cluster's own templates, all different")
	flags.IntVar(&o.cluster.Workloads, "workloads", 3000, "`number` of Deployments and the like")
	flags.Uint64Var(&o.cluster.Seed, "seed", 1, "`number` that chance begins with")
	flags.IntVar(&o.rate, "rate", 100, "pod creations a second in the steady part")
	flags.DurationVar(&o.steady, "steady", 30*time.Second, "how long the steady part is")
	flags.StringVar(&o.binary, "binary", "", "the `program` to measure; empty: builds ./cmd/sidecar-injector")
	flags.StringVar(&o.raw, "raw", "", "`file` for the figures as JSON")
	flags.StringVar(&o.page, "write", "", "`file` in which the figures are replaced")
	_ = flags.Parse(arguments) // exits on an error
	if o.admissions < 1 || o.cluster.Namespaces < 1 || o.cluster.Templates < 10 || o.cluster.Workloads < 1 || o.rate < 1 {
		return errors.New("simulate: want at least 10 templates, and at least one of everything else")
	}
	return simulate(o)
}

// simulate runs the whole simulation: first one review per workload, to learn the injector's patches; then
// the admissions, by a new injector without cached renderings.
func simulate(o simulateOptions) (err error) {
	place := machine("began")
	if o.page != "" {
		if err := markdown.Page(o.page).Has(simulateBlock, scaleBlock); err != nil {
			return err
		}
	}
	folder, err := os.MkdirTemp("", "sidecar-injector-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if o.binary, err = program(o.binary, folder); err != nil {
		return err
	}
	chosen, err := chooseCores()
	if err != nil {
		return err
	}
	if err := stayOn(chosen.client); err != nil {
		return err
	}
	namespaces := filepath.Join(folder, "namespaces.yaml")
	if err := os.WriteFile(namespaces, []byte(o.cluster.NamespaceFile()), 0o600); err != nil {
		return err
	}
	l := &launcher{core: chosen.server, folder: folder, binary: o.binary}
	start := func(name string) (*server, error) {
		return l.injector(name, o.cluster.TemplateFiles(), "--namespace-file", namespaces)
	}
	known, err := learn(start, o.cluster.WorkloadList())
	if err != nil {
		return err
	}
	s, err := start("simulated")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	empty := func() (*server, error) { return l.injector("connections", traffic.OneTemplate()) }
	run := simulation{options: o, server: s, empty: empty, workloads: known, random: rand.New(rand.NewPCG(o.cluster.Seed, 3))}
	figures, err := run.measure()
	if err != nil {
		return err
	}
	if o.raw != "" {
		text, err := json.MarshalIndent(figures, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.raw, append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	fmt.Print(figures.report(o, place), "\n", figures.scale())
	if o.page == "" {
		return nil
	}
	if err := markdown.Page(o.page).Write(simulateBlock, figures.report(o, place)); err != nil {
		return err
	}
	return markdown.Page(o.page).Write(scaleBlock, figures.scale())
}
