package serve

import (
	"net/http"
	"net/http/pprof"
)

// pprofHandler answers with Go's profiles. They have a listener of their own: who
// may scrape metrics or probe health has no business with them. (Package pprof also
// registers with http.DefaultServeMux, which nothing here serves.)
func pprofHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index) // and every profile by name
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
