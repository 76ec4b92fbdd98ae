// Command fuzz runs the fuzz targets of this repository and keeps count: each run of a
// target is a line of executions.log, and docs/reliability.md has the totals.
//
//	go run ./test/fuzz -time 20s               every target
//	go run ./test/fuzz -time 1h -only Parse    those whose names match
//	go run ./test/fuzz -time 0s                only the page anew, from the log
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// The files that are written, relative to the root of the repository.
const (
	logFile = "test/fuzz/executions.log"
	page    = "docs/reliability.md"
)

// executionsBlock is the block of the page that is replaced.
const executionsBlock = "executions"

func main() {
	long := flag.Duration("time", 20*time.Second, "how `long` each target runs; 0: none does")
	only := flag.String("only", "", "targets whose names match this regular `expression`")
	flag.Parse()
	if err := fuzz(*long, *only); err != nil {
		fmt.Fprintf(os.Stderr, "fuzz: %v\n", err)
		os.Exit(1)
	}
}

func fuzz(long time.Duration, only string) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	if flag.NArg() > 0 {
		return fmt.Errorf("%q: want flags alone", flag.Arg(0))
	}
	var faults []error
	if long > 0 {
		targets, err := findTargets(".")
		if err != nil {
			return err
		}
		commit, err := exec.Command("git", "rev-parse", "--short=10", "HEAD").Output()
		if err != nil {
			return fmt.Errorf("commit: %w", err)
		}
		for _, t := range targets {
			if !wanted.MatchString(t.name) {
				continue
			}
			fmt.Printf("%s %s\n", t.folder, t.name)
			r, err := t.run(long)
			faults = append(faults, err)
			// Executions before a failure are recorded as well.
			if r.commit = strings.TrimSpace(string(commit)); r.executions > 0 {
				faults = append(faults, r.record(logFile))
			}
		}
	}
	return errors.Join(append(faults, writePage())...)
}

// run fuzzes the target with go test and takes the count from its output. Interesting inputs are not
// minimized, because that took nearly all of the time. A failing input is minimized within the test's own
// limits.
func (t target) run(long time.Duration) (result, error) {
	r := result{target: t}
	command := exec.Command("go", "test", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", long.String(), "-fuzzminimizetime", "1x", "./"+t.folder)
	var out bytes.Buffer
	command.Stdout, command.Stderr = io.MultiWriter(os.Stdout, &out), os.Stderr
	err := command.Run()
	if err != nil {
		err = fmt.Errorf("%s %s: %w", t.folder, t.name, err)
	}
	r.executions, r.seconds = progressIn(&out)
	return r, err
}

// progress is a line that go test prints while it fuzzes, such as
// fuzz: elapsed: 3s, execs: 21293 (7097/sec), new interesting: 4 (total: 40)
var progress = regexp.MustCompile(`^fuzz: elapsed: (\S+), execs: (\d+) `)

// progressIn returns the values of the last such line. The time to build the test is not included.
func progressIn(out io.Reader) (executions, seconds int) {
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if m := progress.FindStringSubmatch(scanner.Text()); m != nil {
			elapsed, _ := time.ParseDuration(m[1]) // 1m3s
			executions, _ = strconv.Atoi(m[2])     // digits
			seconds = int(elapsed.Seconds())
		}
	}
	return executions, seconds
}

// writePage replaces the table in the page.
func writePage() error {
	results, err := readLog(logFile)
	if err != nil {
		return err
	}
	return markdown.Page(page).Write(executionsBlock, table(results))
}
