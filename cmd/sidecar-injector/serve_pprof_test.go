package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestProfilesAreServedOnlyWhereTheyAreAskedFor(t *testing.T) {
	t.Parallel()
	const profile = "/debug/pprof/goroutine?debug=1"
	nowhereElse := func(t *testing.T, s *server) {
		t.Helper()
		for _, what := range []string{"metrics", "health"} {
			if status, body := s.get(what, profile); status != http.StatusNotFound {
				t.Errorf("%s listener: %d %.100s", what, status, body)
			}
		}
		response, err := s.client.Get("https://" + s.address("webhook") + profile)
		must(t, err)
		defer response.Body.Close()
		if response.StatusCode != http.StatusNotFound {
			t.Errorf("webhook: %d", response.StatusCode)
		}
	}
	t.Run("nowhere by default", func(t *testing.T) {
		t.Parallel()
		s := start(t)
		if address := s.address("pprof"); address != "" {
			t.Errorf("pprof at %s", address)
		}
		nowhereElse(t, s)
	})
	t.Run("at an address of their own", func(t *testing.T) {
		t.Parallel()
		s := start(t, "--pprof-listen", "127.0.0.1:0")
		if status, body := s.get("pprof", profile); status != http.StatusOK || !strings.Contains(body, "goroutine profile: total") {
			t.Errorf("%d %.100s", status, body)
		}
		if status, _ := s.get("pprof", "/debug/pprof/profile?seconds=1"); status != http.StatusOK {
			t.Errorf("profile of the processor: %d", status)
		}
		if status, _ := s.get("pprof", "/metrics"); status != http.StatusNotFound {
			t.Errorf("metrics on the profiles' listener: %d", status)
		}
		nowhereElse(t, s)
	})
}
