//go:build linux

// Command bench measures the injector: the real program over HTTPS on one processor core, the client on
// another, in turn with servers that do less (the floors) and one that does the same in the usual way. Its
// results are ratios, which, unlike times, are comparable between machines.
//
//	go run ./test/bench                                  the table, with the goals beside
//	go run ./test/bench -rounds 5 -raw samples.jsonl     and every sample
//	go run ./test/bench -write docs/performance.md       and into the page
//	go run ./test/bench simulate                         the pods of a large cluster
//	go run ./test/bench apiserver samples.jsonl          the table of test/controlplane's samples
//
// It needs Linux and two cores, listens on the loopback interface only and ends by itself.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// The blocks of docs/performance.md, by the command that writes each.
const (
	loadBlock      = "load"
	simulateBlock  = "simulate"
	apiServerBlock = "apiserver"
	scaleBlock     = "scale"
)

// options are the flags of the load run.
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
	arguments := os.Args[1:]
	command := measureCommand
	if len(arguments) > 0 {
		switch arguments[0] {
		case "simulate":
			command, arguments = simulateCommand, arguments[1:]
		case "apiserver":
			command, arguments = apiServerCommand, arguments[1:]
		}
	}
	if err := command(arguments); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// measureCommand runs the load test, or serves one of the floors.
func measureCommand(arguments []string) error {
	var o options
	flags := flag.NewFlagSet("bench", flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "how `often` every server gets its turn")
	flags.DurationVar(&o.budget, "budget", 600*time.Millisecond, "about how long one turn takes")
	flags.StringVar(&o.binary, "binary", "", "the `program` to measure; empty: builds ./cmd/sidecar-injector")
	flags.StringVar(&o.raw, "raw", "", "`file` for every sample, a line of JSON each")
	flags.StringVar(&o.page, "write", "", "`file` in which the figures are replaced")
	flags.StringVar(&o.only, "only", "", "measure only rows that match this regular `expression`")
	flags.StringVar(&o.floor, "floor", "", "be one of the floors; for bench itself")
	flags.StringVar(&o.address, "listen", "", "where a floor listens")
	flags.StringVar(&o.bundle, "bundle", "", "where a floor writes its certificate")
	_ = flags.Parse(arguments) // exits on an error
	switch {
	case flags.NArg() > 0:
		return fmt.Errorf("%q: want simulate, apiserver, or flags alone", flags.Arg(0))
	case o.rounds < 1:
		return fmt.Errorf("-rounds %d: want at least 1", o.rounds)
	case o.floor != "":
		return serveFloor(o.floor, o.address, o.bundle)
	case o.page != "" && o.only != "":
		return fmt.Errorf("-write: the page has the whole table, so -only has no use")
	}
	return measure(o)
}
