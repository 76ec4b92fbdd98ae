package serve

import (
	"net/http"
	"net/http/pprof"
)

// pprofHandler serves Go's profiles. It has a listener of its own, because clients that may scrape metrics
// or probe health should not have access to it. (Package pprof also registers with http.DefaultServeMux,
// which is not served.)
func pprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // also serves each profile by name
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
