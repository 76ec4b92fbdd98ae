package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// meter adds up the API server's counters of webhook calls, across its restarts.
type meter struct {
	mu    sync.Mutex
	last  map[string]float64 // by series
	calls float64
	fails float64
}

// reading is a meter's state: all calls, and those that failed.
type reading struct{ calls, failed int }

// The API server's metrics of the webhook entry for pods of namespaces with the opt-in label.
const (
	callSeries     = "apiserver_admission_webhook_request_total{"
	rejectedSeries = "apiserver_admission_webhook_rejection_count{"
	openSeries     = "apiserver_admission_webhook_fail_open_count{"
	entryLabel     = `name="namespaces.sidecar-injector.dev"`
)

// newMeter reads every 5 s, so that little is lost when the API server is killed.
func newMeter(t *testing.T) *meter {
	t.Helper()
	m := &meter{}
	must(t, persist(t.Context(), m.sample))
	m.calls, m.fails = 0, 0
	go func() {
		for t.Context().Err() == nil {
			time.Sleep(5 * time.Second)
			_ = m.sample(t.Context()) // it may be stopped
		}
	}()
	return m
}

func (m *meter) read(t *testing.T) reading {
	t.Helper()
	must(t, persist(t.Context(), m.sample))
	m.mu.Lock()
	defer m.mu.Unlock()
	return reading{int(m.calls), int(m.fails)}
}

func (m *meter) sample(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	text, err := suite.client.Discovery().RESTClient().Get().AbsPath("/metrics").Do(ctx).Raw()
	if err != nil {
		return fmt.Errorf("metrics of the API server: %w", err)
	}
	now := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		isCall := strings.HasPrefix(line, callSeries)
		isFailure := strings.HasPrefix(line, rejectedSeries) || strings.HasPrefix(line, openSeries)
		if !isCall && !isFailure || !strings.Contains(line, entryLabel) {
			continue
		}
		series, value, err := sampleOf(line)
		if err != nil {
			return err
		}
		now[series] = value
		more := value - m.last[series]
		if more < 0 { // the counter was reset by a restart
			more = value
		}
		if isCall {
			m.calls += more
		} else {
			m.fails += more
		}
	}
	m.last = now
	return nil
}

// restarts notes that the next process counts from 0.
func (m *meter) restarts() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = nil
}

// sampleOf parses a line of the text format, without a timestamp.
func sampleOf(line string) (series string, value float64, err error) {
	line = strings.TrimSpace(line)
	at := strings.LastIndexByte(line, ' ')
	if at < 0 {
		return "", 0, fmt.Errorf("metric %q: want a name and a value", line)
	}
	value, err = strconv.ParseFloat(line[at+1:], 64)
	return line[:at], value, err
}

// memory returns the resident memory of the larger replica, in MiB.
func (s *soak) memory(t *testing.T) int {
	t.Helper()
	most := 0.0
	must(t, persist(t.Context(), func(ctx context.Context) error {
		most = 0
		pods, err := replicas(ctx)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			bytes, err := residentMemory(ctx, pod.Name)
			if err != nil {
				return fmt.Errorf("memory of %s: %w", pod.Name, err)
			}
			most = max(most, bytes)
		}
		return nil
	}))
	return int(most / (1 << 20))
}

func residentMemory(ctx context.Context, pod string) (float64, error) {
	text, err := suite.client.CoreV1().Pods(injector).ProxyGet("http", pod, "9445", "metrics", nil).DoRaw(ctx)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "process_resident_memory_bytes ") {
			_, value, err := sampleOf(line)
			return value, err
		}
	}
	return 0, errors.New("no process_resident_memory_bytes")
}
