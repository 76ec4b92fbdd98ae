package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

// engine is the service with its plugins.
type engine struct {
	serviceOptions
	log     *log
	counts  *counters
	inputs  []tailOptions
	filters []modifier
	workers []*worker
}

type serviceOptions struct {
	flush, grace     time.Duration
	backoff, longest time.Duration
	logLevel         string
	address          string // of the HTTP server; "" for none
}

func newServiceOptions(s *settings) (serviceOptions, error) {
	o := serviceOptions{
		flush:    s.seconds("flush", 1),
		grace:    time.Duration(s.integer("grace", 5, 0)) * time.Second,
		backoff:  time.Duration(s.integer("scheduler.base", 5, 1)) * time.Second,
		longest:  time.Duration(s.integer("scheduler.cap", 2000, 1)) * time.Second,
		logLevel: s.choice("log_level", "info", "off", "error", "warn", "debug", "trace"),
	}
	server := s.boolean("http_server", false)
	host, port := s.text("http_listen", "0.0.0.0"), s.integer("http_port", 2020, 1)
	if server {
		o.address = net.JoinHostPort(host, strconv.Itoa(port))
	}
	return o, s.err()
}

func newEngine(doc document, stdout, stderr io.Writer) (*engine, error) {
	service, err := newServiceOptions(&settings{section: doc.service})
	if err != nil {
		return nil, err
	}
	e := &engine{serviceOptions: service, log: newLog(stderr, service.logLevel), counts: newCounters()}
	for _, s := range doc.inputs {
		if err := e.addInput(s); err != nil {
			return nil, err
		}
	}
	for _, s := range doc.filters {
		if err := e.addFilter(s); err != nil {
			return nil, err
		}
	}
	for i, s := range doc.outputs {
		if err := e.addOutput(s, i, stdout); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *engine) addInput(s section) error {
	if s.name != "tail" {
		return fmt.Errorf("input %q is not in this stand-in, or unknown", s.name)
	}
	o, err := newTailOptions(&settings{section: s})
	e.inputs = append(e.inputs, o)
	return err
}

func (e *engine) addFilter(s section) error {
	if s.name != "record_modifier" {
		return fmt.Errorf("filter %q is not in this stand-in, or unknown", s.name)
	}
	m, err := newModifier(&settings{section: s})
	e.filters = append(e.filters, m)
	return err
}

func (e *engine) addOutput(s section, i int, stdout io.Writer) error {
	reader := &settings{section: s}
	w := &worker{
		name:    fmt.Sprintf("%s.%d", s.name, i),
		match:   newMatcher(reader),
		retries: reader.retries(),
		backoff: e.backoff,
		longest: e.longest,
		flush:   e.flush,
		counts:  e.counts,
	}
	w.log = e.log.of("output:" + s.name + ":" + w.name)
	var err error
	w.out, err = newOutput(reader, stdout)
	e.workers = append(e.workers, w)
	return err
}

// run processes records until ctx ends, and then delivers those already read, for at most the grace period.
func (e *engine) run(ctx context.Context) error {
	log := e.log.of("engine")
	stopServer, err := e.serve()
	if err != nil {
		return err
	}
	defer stopServer()
	tails, err := e.tails()
	if err != nil {
		return err
	}
	work, endWork := context.WithCancel(context.Background())
	grace, endGrace := context.WithCancel(context.Background())
	defer endGrace()
	var reading, sending sync.WaitGroup
	for _, w := range e.workers {
		sending.Go(func() { w.run(work, grace) })
	}
	for _, t := range tails {
		reading.Go(func() { t.run(ctx) })
	}
	log.infof("started (pid=%d)", os.Getpid())
	reading.Wait()
	log.warnf("service will shutdown in max %v", e.grace)
	time.AfterFunc(e.grace, endGrace)
	endWork()
	sending.Wait()
	log.infof("service has stopped")
	return nil
}

// serve starts the HTTP server for probes, if an address is set.
func (e *engine) serve() (stop func() error, err error) {
	if e.address == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", e.address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: newHandler(e.counts, time.Now())}
	go func() { _ = server.Serve(listener) }()
	return server.Close, nil
}

func (e *engine) tails() (all []*tail, err error) {
	for i, o := range e.inputs {
		name := fmt.Sprintf("tail.%d", i)
		t, err := newTail(o, e.log.of("input:tail:"+name), func(line string) {
			e.counts.read.WithLabelValues(name).Inc()
			e.pass(o.tag, line)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// pass sends a line through the filters to the outputs.
func (e *engine) pass(tag, line string) {
	r := record{time: time.Now(), fields: []field{{"log", line}}}
	for _, f := range e.filters {
		f.apply(tag, &r)
	}
	for _, w := range e.workers {
		w.add(tag, r)
	}
}
