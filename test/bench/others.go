//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/test/bench/traffic"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// others measures the figures that are not ratios: memory, loading, allocations.
func (b *bench) others(wanted *regexp.Regexp) ([]result, error) {
	var results []result
	if wanted.MatchString("memory loading") {
		for _, measureOne := range []func() ([]result, error){b.small, b.large} {
			more, err := measureOne()
			if err != nil {
				return nil, err
			}
			results = append(results, more...)
		}
	}
	if wanted.MatchString("allocations") {
		more, err := b.allocations()
		if err != nil {
			return nil, err
		}
		results = append(results, more...)
	}
	return results, nil
}

// beforeMemory is the number of requests that a server has answered before its memory is measured.
const beforeMemory = 20000

// used drives a server and reads its memory.
func (b *bench) used(s *server, what string, l limits) (result, error) {
	if _, err := drive(s, b.bodies["grafana"], usual, beforeMemory); err != nil {
		return result{}, err
	}
	m, err := s.memory()
	if err != nil {
		return result{}, err
	}
	l.unit = " MiB"
	const mebi = 1 << 20
	return result{figure: figureMemory, what: what, value: float64(m.now) / mebi,
		note: fmt.Sprintf("%.0f of it heap and stacks, the rest the program's own pages; peak %.0f", float64(m.own)/mebi, float64(m.peak)/mebi), limits: l}, nil
}

// memory measures a server whose templates do not change.
func (b *bench) memory(name, what string, templates traffic.Collection, l limits) (r result, err error) {
	s, err := b.injector(name, templates)
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return b.used(s, what, l)
}

// small measures how memory grows with the number of templates.
func (b *bench) small() ([]result, error) {
	var results []result
	for _, m := range []struct {
		name, what string
		templates  traffic.Collection
		limits
	}{
		{"memory-1", "1 template", traffic.OneTemplate(), limits{goal: 40, must: 64}},
		{"memory-500", "500 templates, all different", traffic.ManyTemplates(different, different), limits{}},
		{"memory-5000-different", "5,000 templates, all different", traffic.ManyTemplates(loaded, loaded), limits{}},
	} {
		r, err := b.memory(m.name, m.what, m.templates, m.limits)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// large measures a server with thousands of templates of which one is changed.
func (b *bench) large() (results []result, err error) {
	const name = "memory-5000"
	s, err := b.injector(name, traffic.ManyTemplates(loaded, different))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	cpu, err := s.cpu()
	if err != nil {
		return nil, err
	}
	// The server has one core, so on an otherwise idle machine this is the time until it serves.
	results = append(results, result{figure: figureLoading, what: "5,000 templates, 500 different", value: cpu.Seconds(),
		note: fmt.Sprintf("%.1f s by the clock", s.ready.Seconds()), limits: limits{goal: 5, must: 10, unit: " s"}})
	r, err := b.used(s, "5,000 templates, 500 different", limits{goal: 96, must: 192})
	if err != nil {
		return nil, err
	}
	results = append(results, r)
	idle, err := idleShare(s)
	if err != nil {
		return nil, err
	}
	results = append(results, idle)
	changed, err := b.change(s, filepath.Join(b.folder, name+"-templates"))
	return append(results, changed...), err
}

// idleShare measures the CPU of a server without requests: it reads the template folder again every ten
// seconds.
func idleShare(s *server) (result, error) {
	before, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	const watched = 10 * time.Second
	<-time.After(watched)
	after, err := s.cpu()
	if err != nil {
		return result{}, err
	}
	return result{figure: figureIdle, what: "5,000 templates, 500 different", value: 100 * (after - before).Seconds() / watched.Seconds(),
		note: "of one core", limits: limits{unit: " %"}}, nil
}

// change rewrites one template and waits until the log says that it is in use.
func (b *bench) change(s *server, folder string) ([]result, error) {
	file := filepath.Join(folder, "collector-0007.yaml")
	if err := os.Truncate(s.log, 0); err != nil {
		return nil, err
	}
	before, err := s.cpu()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := os.WriteFile(file+".new", []byte(traffic.Template("collector-0007", "", different+1)), 0o600); err != nil {
		return nil, err
	}
	if err := os.Rename(file+".new", file); err != nil {
		return nil, err
	}
	for !bytes.Contains(readLog(s), []byte(`"collector-0007"`)) {
		if time.Since(began) > patience {
			return nil, fmt.Errorf("server %s: a changed template is not loaded", s.name)
		}
		<-time.After(5 * time.Millisecond)
	}
	took := time.Since(began)
	// Anything else that it reloads would follow at once.
	<-time.After(time.Second)
	after, err := s.cpu()
	if err != nil {
		return nil, err
	}
	return []result{
		{figure: figureChange, what: "of 5,000", value: took.Seconds(),
			note: fmt.Sprintf("CPU %.2f s", (after - before).Seconds()), limits: limits{unit: " s"}},
		{figure: figureReloaded, what: "of 5,000",
			value: float64(bytes.Count(readLog(s), []byte(`"msg":"template loaded"`))), note: "by the log", limits: limits{goal: 1, must: 1}},
	}, nil
}

// readLog returns the log so far; nil if it cannot be read.
func readLog(s *server) []byte {
	text, _ := os.ReadFile(s.log)
	return text
}

// allocations counts the allocations of the pure function and of its patch.
func (b *bench) allocations() ([]result, error) {
	entries := load.Load(templates.SourceDirectory, "collector.yaml", []byte(traffic.Template(traffic.Requested, "", 0)))
	embedded, err := source.NewBuiltIn().Compiled()
	if err != nil {
		return nil, err
	}
	set := templates.NewSet(append(entries, embedded...))
	var results []result
	for _, name := range []string{"small", "grafana", "large"} {
		for _, suffix := range []string{"", builtInSuffix} {
			var review admissionv1.AdmissionReview
			if err := json.Unmarshal(b.bodies[name+suffix].json, &review); err != nil {
				return nil, err
			}
			request := &inject.Request{
				Pod:       review.Request.Object.Raw,
				Namespace: inject.EnabledNamespace(traffic.Namespace),
			}
			var failed error
			n := testing.AllocsPerRun(100, func() {
				answer, err := inject.Inject(set, &inject.Settings{}, request)
				if err != nil || len(answer.Patch()) == 0 {
					failed = errors.Join(errors.New("nothing injected"), err)
				}
			})
			if failed != nil {
				return nil, failed
			}
			results = append(results, result{figure: figureAllocations, what: name + suffix, value: n,
				note: "with the patch", limits: limits{goal: 150, must: 400}})
		}
	}
	return results, nil
}
