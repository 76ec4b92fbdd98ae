//go:build linux

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// simulation is the state of a run.
type simulation struct {
	options   simulateOptions
	server    *server
	workloads []knownWorkload
	random    *rand.Rand
	// empty starts a server without load, for measuring the memory of connections.
	empty func() (*server, error)
}

// The kinds of calls.
const (
	asksNothing = "asks for nothing"
	asksOne     = "injected, one instance"
	asksSeveral = "injected, several instances"
	calledAgain = "second call"
)

// kindsOfCalls returns the kinds in the order of the report.
func kindsOfCalls() []string { return []string{asksNothing, asksOne, asksSeveral, calledAgain} }

// call is one review that the API server sends, as bytes on the wire.
type call struct {
	kind    string
	request []byte
}

// figures are the results of a simulation. Times are in microseconds.
type figures struct {
	Admissions int              `json:"admissions"`
	Creations  int              `json:"creations"`
	Calls      map[string]int   `json:"calls"` // by kind
	Bytes      int              `json:"bytesPerReview"`
	CPU        float64          `json:"cpuPerAdmission"`
	PerSecond  float64          `json:"admissionsPerSecond"`
	Steady     steady           `json:"steady"`
	ByKind     map[string]delay `json:"byKind"` // in the steady part
	Memory     int64            `json:"residentBytes"`
	Peak       int64            `json:"peakBytes"`
	Own        int64            `json:"heapAndStacksBytes"`
	Loading    float64          `json:"secondsUntilItServes"`
	Handshake  float64          `json:"cpuPerConnection"`
	Connection float64          `json:"residentBytesPerConnection"`
	Namespace  float64          `json:"heapBytesPerNamespace"`
	// Nothing and Injected are the CPU of a creation if no pod requests a sidecar, and if every pod gets one.
	Nothing  float64 `json:"cpuPerCreationAskingForNothing"`
	Injected float64 `json:"cpuPerCreationInjected"`
}

// steady is the part at a fixed rate.
type steady struct {
	Creations int     `json:"creations"`
	Rate      float64 `json:"creationsPerSecond"`
	Cores     float64 `json:"cores"`
	delay
}

// delay is a distribution of the time from when a call was due until its response.
type delay struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

func (f *figures) callsPerCreation() float64 { return float64(f.Admissions) / float64(f.Creations) }

func (s *simulation) measure() (*figures, error) {
	f := &figures{Calls: map[string]int{}, ByKind: map[string]delay{}, Loading: s.server.ready.Seconds()}
	creations := s.draw()
	clients := make([]*client, usual)
	for i := range clients {
		c, err := dial(s.server)
		if err != nil {
			return nil, err
		}
		defer c.close()
		clients[i] = c
	}
	if err := s.hurry(f, clients, creations); err != nil {
		return nil, err
	}
	m, err := s.server.memory()
	if err != nil {
		return nil, err
	}
	f.Memory, f.Peak, f.Own = m.now, m.peak, m.own
	if err := s.extremes(f, clients); err != nil {
		return nil, err
	}
	if err := s.pace(f, clients); err != nil {
		return nil, err
	}
	if err := s.connections(f); err != nil {
		return nil, err
	}
	f.Namespace, err = bytesPerNamespace()
	return f, err
}

// extremes measures the cost of a creation if no pod requests a sidecar, and if every pod does.
func (s *simulation) extremes(f *figures, clients []*client) error {
	creations := max(s.options.admissions/10, 1)
	for _, e := range []struct {
		injected bool
		cost     *float64
	}{{false, &f.Nothing}, {true, &f.Injected}} {
		var list []call
		next := s.draw()
		for n := 0; n < creations; {
			if calls := next(); (len(calls) > 1) == e.injected {
				list = append(list, calls...)
				n++
			}
		}
		used, _, err := s.flood(clients, list)
		if err != nil {
			return err
		}
		*e.cost = microseconds(used) / float64(creations)
	}
	return nil
}

// flood sends calls as fast as they are answered; used is the server's CPU time.
func (s *simulation) flood(clients []*client, list []call) (used, took time.Duration, err error) {
	before, err := s.server.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := sendAll(clients, list, func(int) time.Time { return time.Time{} }); err != nil {
		return 0, 0, err
	}
	took = time.Since(began)
	after, err := s.server.cpu()
	return after - before, took, err
}

// draw returns a function that returns the calls of the next creation, without end. Few workloads make most
// of the pods.
func (s *simulation) draw() func() []call {
	popular := rand.NewZipf(s.random, 1.1, 20, uint64(len(s.workloads)-1))
	made := make([][]call, len(s.workloads))
	return func() []call {
		i := popular.Uint64()
		if made[i] == nil {
			made[i] = s.calls(&s.workloads[i])
		}
		return made[i]
	}
}

// calls returns the calls of one creation.
func (s *simulation) calls(w *knownWorkload) []call {
	kind := asksNothing
	switch {
	case w.second != nil && w.asks > 1:
		kind = asksSeveral
	case w.second != nil:
		kind = asksOne
	}
	list := []call{{kind, newRequest(s.server, w.first)}}
	if w.second != nil {
		list = append(list, call{calledAgain, newRequest(s.server, w.second)})
	}
	return list
}

// hurry sends all admissions as fast as they are answered.
func (s *simulation) hurry(f *figures, clients []*client, next func() []call) error {
	var list []call
	for len(list) < s.options.admissions {
		list = append(list, next()...)
		f.Creations++
	}
	f.Admissions = len(list)
	total := 0
	for _, c := range list {
		f.Calls[c.kind]++
		total += len(c.request)
	}
	f.Bytes = total / len(list)
	used, took, err := s.flood(clients, list)
	f.CPU, f.PerSecond = microseconds(used)/float64(len(list)), float64(len(list))/took.Seconds()
	return err
}

// pace sends calls at the rate of the options. Each creation has a fixed time, independent of those before: a
// late response delays the ones after it.
func (s *simulation) pace(f *figures, clients []*client) error {
	next := s.draw()
	var list []call
	var due []time.Duration
	gap := time.Second / time.Duration(s.options.rate)
	for at := time.Duration(0); at < s.options.steady; at += gap {
		f.Steady.Creations++
		for n, c := range next() {
			list = append(list, c)
			// The API server does other work between the two calls.
			due = append(due, at+time.Duration(n)*time.Millisecond)
		}
	}
	before, err := s.server.cpu()
	if err != nil {
		return err
	}
	began := time.Now()
	latencies, err := sendAll(clients, list, func(i int) time.Time { return began.Add(due[i]) })
	if err != nil {
		return err
	}
	took := time.Since(began)
	after, err := s.server.cpu()
	if err != nil {
		return err
	}
	f.Steady.Cores = (after - before).Seconds() / took.Seconds()
	f.Steady.Rate = float64(f.Steady.Creations) / took.Seconds()
	f.Steady.delay = distribution(latencies)
	for _, kind := range kindsOfCalls() {
		var ofKind []time.Duration
		for i, c := range list {
			if c.kind == kind {
				ofKind = append(ofKind, latencies[i])
			}
		}
		if len(ofKind) > 0 {
			f.ByKind[kind] = distribution(ofKind)
		}
	}
	return nil
}

// sendAll sends the calls in order and returns the time of each: from when it was due or, if due is zero,
// from when it was sent.
func sendAll(clients []*client, list []call, due func(i int) time.Time) ([]time.Duration, error) {
	latencies := make([]time.Duration, len(list))
	errs := make([]error, len(clients))
	var next atomic.Int64
	var group sync.WaitGroup
	for k, c := range clients {
		group.Go(func() {
			var buffer []byte
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				buffer = numbered(buffer, list[i].request, int(i))
				from := due(int(i))
				if from.IsZero() {
					from = time.Now()
				} else {
					<-time.After(time.Until(from))
				}
				c.request = buffer
				if err := c.post(); err != nil {
					errs[k] = fmt.Errorf("admission %d: %w", i, err)
					return
				}
				if !c.allowed() {
					errs[k] = fmt.Errorf("admission %d: refused: %.300s", i, c.body)
					return
				}
				latencies[i] = time.Since(from)
			}
		})
	}
	group.Wait()
	return latencies, errors.Join(errs...)
}

// distribution returns the distribution of latencies, which it sorts in place.
func distribution(latencies []time.Duration) delay {
	slices.Sort(latencies)
	return delay{P50: microseconds(quantile(latencies, 0.50)), P99: microseconds(quantile(latencies, 0.99)), Max: microseconds(latencies[len(latencies)-1])}
}

// manyConnections is far more than API servers keep open.
const manyConnections = 500

// connections measures the cost of opening and of keeping a connection.
func (s *simulation) connections(f *figures) (err error) {
	fresh, err := s.empty()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fresh.stop()) }()
	lean, err := fresh.memory()
	if err != nil {
		return err
	}
	before, err := fresh.cpu()
	if err != nil {
		return err
	}
	for i := range manyConnections {
		c, err := dial(fresh)
		if err != nil {
			return err
		}
		defer c.close()
		c.request = newRequest(fresh, s.workloads[i%len(s.workloads)].first)
		if err := c.post(); err != nil {
			return err
		}
	}
	after, err := fresh.cpu()
	if err != nil {
		return err
	}
	full, err := fresh.memory()
	if err != nil {
		return err
	}
	f.Handshake = microseconds(after-before) / manyConnections
	f.Connection = max(float64(full.own-lean.own), 0) / manyConnections
	return nil
}
