package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

// collector makes metrics of the pods that the stores have at the time of a scrape.
type collector struct {
	stores   []cache.Store
	families []family
}

// Describe sends nothing (an unchecked collector), because the metrics depend on the pods.
func (c collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(to chan<- prometheus.Metric) {
	for _, store := range c.stores {
		for _, item := range store.List() {
			for _, f := range c.families {
				f.collect(item.(*v1.Pod), to)
			}
		}
	}
}

func newHandler(stores []cache.Store, client rest.Interface) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{stores, podFamilies()})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })
	for _, path := range []string{"/livez", "/readyz"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) { relay(r.Context(), w, client, path) })
	}
	return mux
}

// relay returns whether the API server is live or ready.
func relay(ctx context.Context, w http.ResponseWriter, client rest.Interface, path string) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := client.Get().AbsPath(path).Do(ctx).Error(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprint(w, "OK")
}

func newTelemetry() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "OK") })
	return mux
}
