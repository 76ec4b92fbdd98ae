//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/sidecar-injector/sidecar-injector/test/markdown"
)

// sample is the result of one turn of one server.
type sample struct {
	Round int `json:"round"`
	place
	spent
	Operations int `json:"operations"` // of the patch
	PatchBytes int `json:"patchBytes"`
}

// measure runs the whole load test.
func measure(o options) error {
	place := machine("began")
	if o.page != "" {
		if err := markdown.Page(o.page).Has(loadBlock); err != nil {
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
	self, err := os.Executable()
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	list := slices.DeleteFunc(rows(), func(r row) bool { return !wanted.MatchString(r.figure + ": " + r.what) })
	all, err := bodies()
	if err != nil {
		return err
	}
	b := &bench{launcher: launcher{core: chosen.server, folder: folder, binary: o.binary, self: self}, bodies: all, options: o}
	if err := stayOn(chosen.client); err != nil {
		return err
	}
	samples, err := b.rounds(list)
	if err != nil {
		return err
	}
	results := compare(list, samples)
	more, err := b.others(wanted)
	if err != nil {
		return err
	}
	results = append(results, more...)
	if o.raw != "" {
		if err := writeLines(o.raw, samples, results); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(os.Stdout, table(results)); err != nil || o.page == "" {
		return err
	}
	return markdown.Page(o.page).Write(loadBlock, loadReport(o, place, results))
}

// program returns the path of the injector; if binary is "", it is built.
func program(binary, folder string) (string, error) {
	if binary != "" {
		return filepath.Abs(binary)
	}
	binary = filepath.Join(folder, "sidecar-injector")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", binary, "./cmd/sidecar-injector")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// bench is the state of a run.
type bench struct {
	launcher
	options options
	bodies  map[string]body
	servers map[string]*server
}

// rounds measures all places that the rows compare, in turn, round by round.
func (b *bench) rounds(list []row) (samples []sample, err error) {
	places := placesOf(list)
	if err := b.startServers(places); err != nil {
		return nil, errors.Join(err, b.stopServers())
	}
	defer func() { err = errors.Join(err, b.stopServers()) }()
	requests := make([]int, len(places))
	answers := make([]answered, len(places))
	for i, p := range places {
		if answers[i], requests[i], err = b.calibrate(p); err != nil {
			return nil, err
		}
	}
	for n := range b.options.rounds {
		begin := time.Now()
		for i, p := range places {
			measured, err := drive(b.servers[p.Server], b.bodies[p.Body], p.Connections, requests[i])
			if err != nil {
				return nil, err
			}
			samples = append(samples, sample{Round: n + 1, place: p, spent: measured, Operations: answers[i].operations, PatchBytes: answers[i].bytes})
		}
		for _, s := range b.servers {
			if err := os.Truncate(s.log, 0); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", n+1, b.options.rounds, time.Since(begin).Round(time.Second))
	}
	return samples, nil
}

// placesOf returns each place once, those of a row next to each other.
func placesOf(list []row) []place {
	var places []place
	for _, r := range list {
		for _, p := range []place{r.below, r.above} {
			if !slices.Contains(places, p) {
				places = append(places, p)
			}
		}
	}
	return places
}

func (b *bench) startServers(places []place) error {
	b.servers = map[string]*server{}
	for _, p := range places {
		if b.servers[p.Server] != nil {
			continue
		}
		s, err := b.start(p.Server)
		if err != nil {
			return err
		}
		b.servers[p.Server] = s
		fmt.Fprintf(os.Stderr, "%s serves after %s\n", p.Server, s.ready.Round(time.Millisecond))
	}
	return nil
}

func (b *bench) stopServers() error {
	var errs []error
	for _, s := range b.servers {
		errs = append(errs, s.stop())
	}
	return errors.Join(errs...)
}

// The minimum and maximum number of requests in a turn.
const (
	fewest = 60
	most   = 20000
)

// calibrate checks one response and determines the number of requests in a turn.
func (b *bench) calibrate(p place) (answered, int, error) {
	s, request := b.servers[p.Server], b.bodies[p.Body]
	answer, err := check(s, request)
	if err != nil {
		return answered{}, 0, err
	}
	// A server that injects nothing would appear fast.
	selects := p.Server == withTen || p.Server == withSelecting
	floor := p.Server == echo || p.Server == typed
	if want := request.operations || selects || floor; want != (answer.operations > 0) {
		return answered{}, 0, fmt.Errorf("server %s, body %s: the patch has %d operations", p.Server, p.Body, answer.operations)
	}
	trial, err := drive(s, request, p.Connections, fewest)
	if err != nil {
		return answered{}, 0, err
	}
	n := int(trial.PerSecond * b.options.budget.Seconds())
	return answer, min(max(n, fewest), most), nil
}

// writeLines writes the samples, then the results computed from them.
func writeLines(file string, samples []sample, results []result) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	encoder := json.NewEncoder(f)
	for _, s := range samples {
		if err := encoder.Encode(s); err != nil {
			return err
		}
	}
	for _, r := range results {
		if err := encoder.Encode(r.line()); err != nil {
			return err
		}
	}
	return f.Close()
}
