//go:build linux

// Command bench measures the injector as it runs: the real program over HTTPS on one
// processor core, this one on another, in turn with servers that do less (the floors)
// and one that does the same the usual way. Its results are ratios, which hold from
// machine to machine, unlike times.
//
//	go run ./test/bench                                  the table, with the goals beside
//	go run ./test/bench -rounds 5 -raw samples.jsonl     and every sample
//	go run ./test/bench -write docs/performance.md       and into the page
//
// It needs Linux and two cores, listens on the loopback interface only and ends by itself.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// options are the flags.
type options struct {
	rounds          int
	budget          time.Duration
	binary          string
	raw, page       string
	only            string
	floor           string
	address, bundle string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how `often` every server gets its turn")
	flag.DurationVar(&o.budget, "budget", 600*time.Millisecond, "about how long one turn takes")
	flag.StringVar(&o.binary, "binary", "", "the `program` to measure; empty: builds ./cmd/sidecar-injector")
	flag.StringVar(&o.raw, "raw", "", "`file` for every sample, a line of JSON each")
	flag.StringVar(&o.page, "write", "", "`file` in which the figures are replaced")
	flag.StringVar(&o.only, "only", "", "measure only rows that match this regular `expression`")
	flag.StringVar(&o.floor, "floor", "", "be one of the floors; for bench itself")
	flag.StringVar(&o.address, "listen", "", "where a floor listens")
	flag.StringVar(&o.bundle, "bundle", "", "where a floor writes its certificate")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if o.floor != "" {
		return serveFloor(o.floor, o.address, o.bundle)
	}
	return measure(o)
}
