//go:build linux

package main

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// report returns the block of the simulation in the page.
func (f *figures) report(o simulateOptions, place string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured by `go run ./test/bench simulate -admissions %d -namespaces %d -templates %d -workloads %d -rate %d -steady %s`, %s.\n\n",
		o.admissions, o.cluster.Namespaces, o.cluster.Templates, o.cluster.Workloads, o.rate, o.steady, place)
	fmt.Fprintf(&b, "%s pod creations made %s calls: %s that asked for nothing, %s with one sidecar, %s with several, and %s second calls\n"+
		"after an injection. A review has %.1f KB on average.\n\n",
		markdown.Thousands(f.Creations), markdown.Thousands(f.Admissions), markdown.Thousands(f.Calls[asksNothing]), markdown.Thousands(f.Calls[asksOne]), markdown.Thousands(f.Calls[asksSeveral]),
		markdown.Thousands(f.Calls[calledAgain]), float64(f.Bytes)/1000)
	b.WriteString("| figure | measured |\n|---|---|\n")
	row := func(name, format string, values ...any) {
		fmt.Fprintf(&b, "| %s | "+format+" |\n", append([]any{name}, values...)...)
	}
	row("CPU for one call, TLS and HTTP included", "%.0f µs", f.CPU)
	row("CPU for one creation where no pod asks for anything", "%.0f µs", f.Nothing)
	row("CPU for one creation where each pod gets a sidecar, both calls", "%.0f µs", f.Injected)
	row("calls for one creation", "%.2f", f.callsPerCreation())
	row("calls one core answers in a second, its load driver on another", "%.0f", f.PerSecond)
	row(fmt.Sprintf("cores at %.0f creations a second, measured at that rate", f.Steady.Rate), "%.3f", f.Steady.Cores)
	row("resident memory after all calls", "%d MiB, %d of it heap and stacks, the rest the program's own pages (peak %d)", f.Memory>>20, f.Own>>20, f.Peak>>20)
	row("a new TLS connection with one call, CPU", "%.0f µs", f.Handshake)
	row("an open TLS connection that had a call, memory", "%.0f KiB", f.Connection/(1<<10))
	row("a watched namespace, memory", "%.0f bytes", f.Namespace)
	row("from start until it serves", "%.1f s", f.Loading)
	fmt.Fprintf(&b, "\nAt %.0f creations a second, from the moment when a call was due:\n\n| calls | p50 | p99 | slowest |\n|---|---|---|---|\n", f.Steady.Rate)
	line := func(name string, d delay) {
		fmt.Fprintf(&b, "| %s | %.2f ms | %.2f ms | %.1f ms |\n", name, d.P50/1000, d.P99/1000, d.Max/1000)
	}
	for _, kind := range kindsOfCalls() {
		if d, ok := f.ByKind[kind]; ok {
			line(kind, d)
		}
	}
	line("all", f.Steady.delay)
	return b.String()
}

// The assumed cluster of the scale block.
const (
	clusterPods       = 150000
	clusterRate       = 100.0 // creations a second
	idleConnections   = 25    // kept for reuse by one API server, with client-go's transport
	clusterAPIServers = 3
	atOnce            = 256 // concurrent requests above which a replica answers 503, docs/operations.md
)

// scale returns the consequences of the figures for a large cluster, each step derived from one of them.
func (f *figures) scale() string {
	calls := f.callsPerCreation()
	perCreation := calls * f.CPU // µs
	cores := clusterRate * perCreation / 1e6
	ceiling := 1e6 / perCreation
	open := clusterRate * calls * f.Steady.P50 / 1e6
	injected := float64(f.Creations-f.Calls[asksNothing]) / float64(f.Creations)
	var b strings.Builder
	item := func(name, format string, values ...any) {
		fmt.Fprintf(&b, "- **%s**: "+format+"\n", append([]any{name}, values...)...)
	}
	b.WriteString("Each step is from a figure of the simulation above (`go run ./test/bench simulate`), unless another command is named.\n\n")
	item("Cores", "%.2f calls × %.0f µs = %.0f µs for a creation, so 100 creations a second take %.3f of a core when it is busy. At that rate it\n"+
		"  mostly sleeps, and waking up costs too: measured %.3f. In the mix %.0f %% of the pods get a sidecar; if all did, it would be %.0f µs\n"+
		"  for a creation, %.1f times as much.",
		calls, f.CPU, perCreation, cores, f.Steady.Cores, 100*injected, f.Injected, f.Injected/perCreation)
	item("What one core takes", "%.0f creations a second. Creating all %s pods anew, as after an outage, is %.0f seconds of one core; the API server,\n"+
		"  the scheduler and the kubelets need much longer for them (see \"Through the API server\" for the first).",
		ceiling, markdown.Thousands(clusterPods), clusterPods*perCreation/1e6)
	item("Memory", "%d MiB, however many pods and nodes there are: nothing is kept of a pod once it has been answered.", f.Memory>>20)
	item("Connections", "an API server keeps up to %d for reuse, so %d of them keep up to %d, %.0f MiB by %.0f KiB each. At this rate %.2f calls\n"+
		"  are under way on average (calls a second × p50), so nearly all find an open one; a call over a new one costs %.0f µs instead of %.0f.",
		idleConnections, clusterAPIServers, idleConnections*clusterAPIServers,
		f.Connection*idleConnections*clusterAPIServers/(1<<20), f.Connection/(1<<10), open, f.Handshake, f.CPU)
	item("Growth with templates", "none in time: see \"%s\" and \"%s\" above (`go run ./test/bench`); in memory by the rows \"%s\" there.",
		figureMany, figureSelecting, figureMemory)
	item("Growth with namespaces", "none in time, a look-up in a map; in memory %.0f bytes each: 10,000 of them take %.0f MiB.",
		f.Namespace, f.Namespace*10000/(1<<20))
	item("Growth with replicas", "each has all templates and namespaces and one watch of namespaces at the API server; calls are spread over them, so the sum of\n"+
		"  cores stays and memory multiplies.")
	item("What saturates first", "not the injector: at its ceiling of %.0f creations a second the API server and etcd have long been the limit. Of a replica, its CPU\n"+
		"  limit is the first: with a tenth of a core the ceiling is %.0f creations a second, calls queue, and from %d at once it answers 503, which the API server\n"+
		"  retries after a second. So set a CPU request, and no CPU limit or one of a whole core.", ceiling, ceiling/10, atOnce)
	item("Replicas", "one carries the load %.0f times over; two or three are for availability, one a zone, with a PodDisruptionBudget of one.", ceiling/clusterRate)
	return b.String()
}
