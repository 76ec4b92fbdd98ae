package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
)

func newHealth(ready *atomic.Bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "NOT READY")
			return
		}
		fmt.Fprint(w, "OK")
	})
	return mux
}

// serveHealth listens on IPv4 only. If the port is in use, the program goes on without it.
func serveHealth(port int, ready *atomic.Bool, log *slog.Logger) (stop func() error) {
	listener, err := net.Listen("tcp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		log.Error("health server: " + err.Error())
		return func() error { return nil }
	}
	server := &http.Server{Handler: newHealth(ready)}
	go func() { _ = server.Serve(listener) }()
	return server.Close
}
