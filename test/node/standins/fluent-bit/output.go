package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// output delivers records.
type output interface {
	// send delivers all records or none. A retry is of no use after an errRefused.
	send(ctx context.Context, records []record) error
}

var errRefused = errors.New("the receiver refuses the records")

func newOutput(s *settings, stdout io.Writer) (output, error) {
	switch s.name {
	case "stdout":
		s.choice("format", "json_lines")
		return &standardOutput{to: stdout}, s.err()
	case "http":
		return newHTTPOutput(s)
	case "loki":
		return newLokiOutput(s)
	}
	return nil, fmt.Errorf("output %q is not in this stand-in, or unknown", s.name)
}

// standardOutput writes each record as a line of JSON.
type standardOutput struct{ to io.Writer }

func (o *standardOutput) send(_ context.Context, records []record) error {
	var b bytes.Buffer
	for _, r := range records {
		b.Write(r.json(true))
		b.WriteByte('\n')
	}
	_, err := o.to.Write(b.Bytes())
	return err
}

// worker collects the records for one output and sends them on.
type worker struct {
	name    string
	match   matcher
	out     output
	retries int // retries of a batch; below 0 there is no limit
	backoff time.Duration
	longest time.Duration
	flush   time.Duration
	log     *logger
	counts  *counters

	mu      sync.Mutex
	pending []record
}

func (w *worker) add(tag string, r record) {
	if !w.match(tag) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending = append(w.pending, r)
}

func (w *worker) take() []record {
	w.mu.Lock()
	defer w.mu.Unlock()
	batch := w.pending
	w.pending = nil
	return batch
}

// run delivers at every flush interval until work ends, then delivers the rest, until grace ends.
func (w *worker) run(work, grace context.Context) {
	tick := time.NewTicker(w.flush)
	defer tick.Stop()
	for work.Err() == nil {
		select {
		case <-work.Done():
		case <-tick.C:
			w.deliver(work, grace, w.take())
		}
	}
	w.deliver(work, grace, w.take())
}

func (w *worker) deliver(work, grace context.Context, batch []record) {
	if len(batch) == 0 {
		return
	}
	for attempt := 1; ; attempt++ {
		err := w.out.send(grace, batch)
		if err == nil {
			w.counts.delivered.WithLabelValues(w.name).Add(float64(len(batch)))
			return
		}
		if errors.Is(err, errRefused) || w.retries >= 0 && attempt > w.retries {
			w.drop(batch, err)
			return
		}
		wait := min(w.backoff<<min(attempt-1, 16), w.longest)
		w.log.warnf("failed to flush %d records, retry in %v: %v", len(batch), wait, err)
		w.counts.retries.WithLabelValues(w.name).Inc()
		if !pause(work, grace, wait) {
			w.drop(batch, err)
			return
		}
	}
}

// pause waits before the next attempt, at most a second once work has ended. It returns false if grace has
// ended.
func pause(work, grace context.Context, wait time.Duration) bool {
	stopped := work.Done()
	if work.Err() != nil {
		stopped, wait = nil, min(wait, time.Second)
	}
	select {
	case <-grace.Done():
		return false
	case <-stopped:
	case <-time.After(wait):
	}
	return true
}

func (w *worker) drop(batch []record, err error) {
	w.log.errorf("%d records are dropped: %v", len(batch), err)
	w.counts.dropped.WithLabelValues(w.name).Add(float64(len(batch)))
}
