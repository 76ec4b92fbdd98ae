package main

import (
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
)

// handler serves the parts of Grafana's HTTP API that a test needs.
type handler struct {
	settings
	*provisioned
}

func newHandler(s settings, p *provisioned) http.Handler {
	h := handler{s, p}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/health", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]string{"commit": "stand-in", "database": "ok", "version": "9.3.8"})
	})
	mux.HandleFunc("POST /api/admin/provisioning/dashboards/reload", h.reload("Dashboards config reloaded", p.reloadDashboards))
	mux.HandleFunc("POST /api/admin/provisioning/datasources/reload", h.reload("Datasources config reloaded", p.reloadDataSources))
	mux.HandleFunc("GET /api/datasources", h.listDataSources)
	mux.HandleFunc("GET /api/search", h.search)
	return h.authenticate(mux)
}

// authenticate requires the administrator's credentials for all paths except the health check.
func (h handler) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, given := r.BasicAuth()
		switch {
		case r.URL.Path == "/api/health" || same(user, h.user) && same(password, h.password):
			next.ServeHTTP(w, r)
		case given:
			h.log.Warn("Invalid username or password", "path", r.URL.Path, "user", user)
			write(w, http.StatusUnauthorized, message("Invalid username or password"))
		default:
			write(w, http.StatusUnauthorized, message("Unauthorized"))
		}
	})
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

func (h handler) reload(done string, f func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := f()
		h.log.Info("Request Completed", "path", r.URL.Path, "remote_addr", r.RemoteAddr, "error", err)
		if err != nil {
			write(w, http.StatusInternalServerError, message(err.Error()))
			return
		}
		write(w, http.StatusOK, message(done))
	}
}

func (h handler) listDataSources(w http.ResponseWriter, _ *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	write(w, http.StatusOK, append([]dataSource{}, h.dataSources...))
}

// found is a dashboard in the answer to a search.
type found struct {
	dashboard
	Type string `json:"type"`
	URL  string `json:"url"`
}

// search finds dashboards by a part of their titles.
func (h handler) search(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	query, kind := strings.ToLower(r.FormValue("query")), r.FormValue("type")
	answer := []found{}
	for _, d := range h.dashboards {
		if (kind == "" || kind == "dash-db") && strings.Contains(strings.ToLower(d.Title), query) {
			answer = append(answer, found{d, "dash-db", "/d/" + d.UID + "/" + slug(d.Title)})
		}
	}
	write(w, http.StatusOK, answer)
}

func message(text string) map[string]string { return map[string]string{"message": text} }

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
