// Command podinfo stands in for podinfo 6.9.2, a demonstration app: an HTTP server whose health can be
// switched on and off, the same over TLS on another port, and a gRPC health service with the same state. It
// has podinfo's paths and flag names; everything else of podinfo is left out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
)

func main() {
	port := flag.Int("port", 9898, "HTTP `port`")
	grpcPort := flag.Int("grpc-port", 0, "gRPC `port`; none if 0")
	flag.String("level", "info", "taken, and of no effect")
	securePort := flag.Int("secure-port", 0, "HTTPS `port`; none if 0")
	certificates := flag.String("cert-path", "/data/cert", "`folder` with tls.crt and tls.key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := serve(ctx, *port, *grpcPort, *securePort, *certificates); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, port, grpcPort, securePort int, certificates string) error {
	app := &app{health: health.NewServer()}
	app.switchTo(true)
	if grpcPort != 0 {
		listener, err := net.Listen("tcp", fmt.Sprintf(":%d", grpcPort))
		if err != nil {
			return err
		}
		server := grpc.NewServer()
		grpc_health_v1.RegisterHealthServer(server, app.health)
		go func() { _ = server.Serve(listener) }()
		defer server.Stop()
	}
	server := &http.Server{Addr: fmt.Sprintf(":%d", port), Handler: app.paths(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		within, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(within)
	}()
	if securePort != 0 {
		secure := &http.Server{Addr: fmt.Sprintf(":%d", securePort), Handler: app.paths(), ReadHeaderTimeout: 10 * time.Second}
		go func() {
			log.Print(secure.ListenAndServeTLS(filepath.Join(certificates, "tls.crt"), filepath.Join(certificates, "tls.key")))
		}()
		defer secure.Close()
	}
	err := server.ListenAndServe()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// app is healthy until it is told not to be.
type app struct {
	healthy atomic.Bool
	health  *health.Server
}

func (a *app) switchTo(healthy bool) {
	a.healthy.Store(healthy)
	status := grpc_health_v1.HealthCheckResponse_SERVING
	if !healthy {
		status = grpc_health_v1.HealthCheckResponse_NOT_SERVING
	}
	a.health.SetServingStatus("", status)
}

func (a *app) paths() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, _ *http.Request) {
		if !a.healthy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, `{"status":"OK"}`)
	}
	for _, path := range []string{"/healthz", "/readyz", "/{$}"} {
		mux.HandleFunc("GET "+path, answer)
	}
	for _, path := range []string{"/readyz/enable", "/readyz/disable"} {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			a.switchTo(r.URL.Path == "/readyz/enable")
			w.WriteHeader(http.StatusAccepted)
		})
	}
	return mux
}
