package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// maxSideConnections is the largest number of open connections of each listener other than the webhook's.
// The kubelet and a few instances of Prometheus need one each.
const maxSideConnections = 64

// maxScrapes is the number of concurrent scrapes; each needs memory for all series.
const maxScrapes = 4

// listenAndServe listens on address before it returns, and serves until ctx is done. It does nothing if
// address is "".
func listenAndServe(ctx context.Context, group *errgroup.Group, log logr.Logger, what, address string, handler http.Handler) error {
	if address == "" {
		return nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("%s address: %w", what, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	if what != "pprof" { // the client chooses the duration of a profile
		server.WriteTimeout = 10 * time.Second
	}
	bound := webhook.Bound(server, listener, maxSideConnections)
	group.Go(func() error {
		if err := server.Serve(bound); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("%s server %s: %w", what, listener.Addr(), err)
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	log.Info("serving", "what", what, "address", listener.Addr().String())
	return nil
}

// readiness determines whether the API server may send requests to this replica.
type readiness struct {
	templates   func() bool
	namespaces  func() bool
	certificate func() error
	further     []func() error
	draining    atomic.Bool

	mu   sync.Mutex
	said time.Time // time of the last success
}

// readyFor is how long a success is cached. One of the checks is a TLS handshake, which costs more than an
// admission, and anybody who can reach the port may request it.
const readyFor = time.Second

// fail makes all further checks fail.
func (r *readiness) fail() { r.draining.Store(true) }

func (r *readiness) check() error {
	if r.draining.Load() {
		return errors.New("draining")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.said) < readyFor {
		return nil
	}
	if err := r.ask(); err != nil {
		return err
	}
	r.said = time.Now()
	return nil
}

func (r *readiness) ask() error {
	if !r.templates() {
		return errors.New("templates: not loaded yet")
	}
	if !r.namespaces() {
		return errors.New("namespaces: not seen yet")
	}
	for _, check := range r.further {
		if err := check(); err != nil {
			return err
		}
	}
	if err := r.certificate(); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}

// healthHandler serves /healthz, which reports that the process is alive, and /readyz.
func healthHandler(ready *readiness) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready.check(); err != nil {
			http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

func metricsHandler(registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry, MaxRequestsInFlight: maxScrapes}))
	return mux
}

// newRegistry returns a registry with the metrics of the process.
func newRegistry(b Build) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "sidecar_injector_build_info",
			Help:        "Always 1; says what is running.",
			ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.Go},
		}, func() float64 { return 1 }),
	)
	return registry
}
