package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// counters are the metrics, by plugin, such as tail.0.
type counters struct {
	*prometheus.Registry
	read, delivered, retries, dropped *prometheus.CounterVec
}

func newCounters() *counters {
	c := &counters{Registry: prometheus.NewRegistry()}
	c.read = c.counter("fluentbit_input_records_total", "Number of input records.")
	c.delivered = c.counter("fluentbit_output_proc_records_total", "Number of processed output records.")
	c.retries = c.counter("fluentbit_output_retries_total", "Number of output retries.")
	c.dropped = c.counter("fluentbit_output_dropped_records_total", "Number of dropped records.")
	return c
}

func (c *counters) counter(name, help string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"name"})
	c.MustRegister(v)
	return v
}

func newHandler(c *counters, start time.Time) http.Handler {
	metrics := promhttp.HandlerFor(c, promhttp.HandlerOpts{})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"fluent-bit":{"version":"5.1.1","edition":"stand-in"}}`)
	})
	mux.HandleFunc("GET /api/v1/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /api/v1/uptime", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"uptime_sec":%d}`, int(time.Since(start).Seconds()))
	})
	mux.Handle("GET /api/v1/metrics/prometheus", metrics)
	mux.Handle("GET /api/v2/metrics/prometheus", metrics)
	return mux
}
