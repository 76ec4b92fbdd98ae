// Command costs checks that the injector's work grows about linearly: twice the input makes at most about
// twice the work, for each dimension of pods and templates that an author can enlarge. The table is in
// laws.go and the files beside it; a row is data.
//
//	go run ./test/costs                                 worst nanoseconds per byte, and the largest request
//	go run ./test/costs -write docs/security.md         the same, into the page
//	go run ./test/costs memory                          memory before and after 50,000 hostile requests
//	go run ./test/costs count FOLDER                    the work of each row, for the tests
//
// Work is counted, not timed: count needs a program that was built with coverage counters, as the test beside
// it builds it, and reports how often each block of the code was executed.
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
)

func main() {
	arguments := os.Args[1:]
	command := worstCommand
	if len(arguments) > 0 {
		switch arguments[0] {
		case "count":
			command, arguments = countCommand, arguments[1:]
		case "memory":
			command, arguments = memoryCommand, arguments[1:]
		}
	}
	if err := command(arguments); err != nil {
		fmt.Fprintf(os.Stderr, "costs: %v\n", err)
		os.Exit(1)
	}
}

// selection declares the flag that selects rows of the table.
func selection(flags *flag.FlagSet) *string {
	return flags.String("only", "", "rows whose names match this regular `expression`")
}

// selected returns the rows that match an expression; all for "".
func selected(expression string) ([]law, error) {
	only, err := regexp.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	var found []law
	for _, l := range laws() {
		if only.MatchString(l.name) {
			found = append(found, l)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("-only %q: no row has such a name", expression)
	}
	return found, nil
}
