//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// The variants of the API server's run, as named by test/controlplane.
const (
	noAdmission = "no admission"
	policyWay   = "MutatingAdmissionPolicy"
	calledOnce  = "sidecar-injector, called once"
	calledTwice = "sidecar-injector, called again"
	typicalWay  = "controller-runtime, called once"
)

// apiServerLine is one sample: either a creation or the cost of a block of creations.
type apiServerLine struct {
	Way          string  `json:"way"`
	Microseconds float64 `json:"microseconds"`
	Creations    int     `json:"creations"`
	CPU          float64 `json:"apiServerCPUSeconds"`
	Calls        int     `json:"calls"`
}

// wayFigures are the totals of one variant.
type wayFigures struct {
	latencies        []time.Duration // sorted
	creations, calls int
	cpu              float64 // of the API server, seconds
}

func (w *wayFigures) p50() float64 { return microseconds(quantile(w.latencies, 0.50)) / 1000 }
func (w *wayFigures) p99() float64 { return microseconds(quantile(w.latencies, 0.99)) / 1000 }

// apiServerCommand makes a table from the samples of test/controlplane.
func apiServerCommand(arguments []string) error {
	flags := flag.NewFlagSet("apiserver", flag.ExitOnError)
	write := flags.String("write", "", "`file` in which the figures are replaced")
	_ = flags.Parse(arguments) // exits on an error
	if flags.NArg() != 1 {
		return fmt.Errorf("apiserver: want one file of samples, got %d", flags.NArg())
	}
	ways, err := readWays(flags.Arg(0))
	if err != nil {
		return err
	}
	report := apiServerReport(ways)
	fmt.Print(report)
	if *write == "" {
		return nil
	}
	return markdown.Page(*write).Write(apiServerBlock, report)
}

func readWays(name string) (map[string]*wayFigures, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	ways := map[string]*wayFigures{}
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		var line apiServerLine
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		w := ways[line.Way]
		if w == nil {
			w = &wayFigures{}
			ways[line.Way] = w
		}
		if line.Microseconds > 0 {
			w.latencies = append(w.latencies, time.Duration(line.Microseconds*float64(time.Microsecond)))
		}
		w.creations, w.calls, w.cpu = w.creations+line.Creations, w.calls+line.Calls, w.cpu+line.CPU
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	for _, name := range []string{noAdmission, policyWay, calledOnce, calledTwice, typicalWay} {
		if w := ways[name]; w == nil || len(w.latencies) == 0 || w.creations == 0 {
			return nil, fmt.Errorf("%s: no samples of %q", file.Name(), name)
		}
		slices.Sort(ways[name].latencies)
	}
	return ways, nil
}

// apiServerReport returns the block of the API server in the page.
func apiServerReport(ways map[string]*wayFigures) string {
	var b strings.Builder
	none, policy, once, twice := ways[noAdmission], ways[policyWay], ways[calledOnce], ways[calledTwice]
	fmt.Fprintf(&b, "Measured by `make bench-apiserver`, %s.\n\n%d creations of the Grafana pod each way, in turn by blocks, by one client, through a\n"+
		"real API server with an etcd that does not wait for the disk. The policy is written by hand for this one pod; it makes the same pod.\n\n",
		machine("had ended"), len(none.latencies))
	b.WriteString("| pod created with | p50 | over no admission | p99 | calls of a webhook | API server's CPU |\n|---|---|---|---|---|---|\n")
	for _, name := range []string{noAdmission, policyWay, calledOnce, calledTwice, typicalWay} {
		w := ways[name]
		calls := fmt.Sprintf("%.1f", float64(w.calls)/float64(w.creations))
		switch name {
		case noAdmission, policyWay:
			calls = "0"
		case typicalWay:
			calls = "1"
		}
		fmt.Fprintf(&b, "| %s | %.2f ms | +%.2f ms | %.1f ms | %s | %.1f ms |\n", name, w.p50(), w.p50()-none.p50(), w.p99(), calls, 1000*w.cpu/float64(w.creations))
	}
	first, second := once.p50()-none.p50(), twice.p50()-once.p50()
	b.WriteString("\n| figure | measured | goal | at least |\n|---|---|---|---|\n")
	fmt.Fprintf(&b, "| p50 with one call over the policy's | %.2f | ≤ 1.15 | ≤ 1.25 |\n", once.p50()/policy.p50())
	fmt.Fprintf(&b, "| what the second call adds, over what the first adds | %.2f | | < 0.5 |\n", second/first)
	fmt.Fprintf(&b, "\nWith the chart's `reinvocationPolicy: IfNeeded` a pod that is injected causes two calls, because the service account's token is\n"+
		"mounted into the added container after the first. 100 creations a second without any admission take %.1f cores of the API server alone.\n",
		100*none.cpu/float64(none.creations))
	return b.String()
}
