package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics count synchronisations by result: success, noop or error.
type metrics struct {
	*prometheus.Registry
	count    *prometheus.CounterVec
	duration *prometheus.SummaryVec
	fetches  prometheus.Counter
}

func newMetrics() *metrics {
	status := []string{"status"}
	m := &metrics{
		Registry: prometheus.NewRegistry(),
		count:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "git_sync_count_total", Help: "Synchronisations that ended."}, status),
		duration: prometheus.NewSummaryVec(prometheus.SummaryOpts{Name: "git_sync_duration_seconds", Help: "Their durations."}, status),
		fetches:  prometheus.NewCounter(prometheus.CounterOpts{Name: "git_fetch_count_total", Help: "Fetches."}),
	}
	m.MustRegister(m.count, m.duration, m.fetches)
	return m
}

func (m *metrics) observe(changed bool, err error, took time.Duration) {
	status := "noop"
	if err != nil {
		status = "error"
	} else if changed {
		status = "success"
	}
	m.count.WithLabelValues(status).Inc()
	m.duration.WithLabelValues(status).Observe(took.Seconds())
}

// serve starts the HTTP server for probes, if an address is set.
func (y *syncer) serve() (stop func() error, err error) {
	if y.bind == "" {
		return func() error { return nil }, nil
	}
	listener, err := net.Listen("tcp", y.bind)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: y.handler()}
	go func() { _ = server.Serve(listener) }()
	return server.Close, nil
}

func (y *syncer) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		if !y.ready.Load() {
			http.Error(w, "repo is not ready", http.StatusServiceUnavailable)
		}
	})
	if y.httpMetrics {
		mux.Handle("/metrics", promhttp.HandlerFor(y.metrics, promhttp.HandlerOpts{}))
	}
	return mux
}

// startWebhook starts calling the URL for the last commit that was sent to hashes. end stops it: at once or,
// with --one-time, after a call has succeeded.
func (y *syncer) startWebhook(ctx context.Context) (hashes chan string, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	hashes = make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for hash := range hashes {
			y.callUntil(ctx, hash, hashes)
		}
	}()
	return hashes, func() {
		if !y.oneTime {
			cancel()
		}
		close(hashes)
		<-done
		cancel()
	}
}

// replace sends a hash in place of one that has not been received yet.
func replace(hashes chan string, hash string) {
	select {
	case <-hashes:
	default:
	}
	hashes <- hash
}

// callUntil repeats the call until it succeeds, for a newer hash if one has arrived.
func (y *syncer) callUntil(ctx context.Context, hash string, newer <-chan string) {
	for y.webhook.url != "" && ctx.Err() == nil {
		err := y.webhook.call(ctx, hash)
		if err == nil {
			return
		}
		y.log.Error("webhook failed", "hash", hash, "error", err.Error())
		wait(ctx, y.webhook.backoff)
		select {
		case next, ok := <-newer:
			if ok {
				hash = next
			}
		default:
		}
	}
}

func (h webhook) call(ctx context.Context, hash string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, h.method, h.url, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Gitsync-Hash", hash)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d, want %d", response.StatusCode, http.StatusOK)
	}
	return nil
}
