package page

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// gone is a Cluster that does not answer.
type gone struct{}

func (gone) Name() string { return `staging"><script>alert(1)</script>` }
func (gone) Fleet(context.Context) (*Fleet, error) {
	return nil, errors.New("cluster: dial tcp: connection refused")
}
func (gone) Object(context.Context, string, string) (*playground.Request, error) {
	return nil, errors.New("cluster: dial tcp: connection refused")
}

// start serves the page on loopback.
func start(t *testing.T, cluster Cluster) (*httptest.Server, *Handler) {
	t.Helper()
	given, err := playground.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHandler(playground.NewEngine(given, &inject.Settings{}), cluster)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server, h
}

func do(t *testing.T, method, url, body string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestEveryFileOfThePageIsServed(t *testing.T) {
	server, h := start(t, nil)
	for name := range h.files {
		response, text := do(t, "GET", server.URL+h.Path()+name, "", nil)
		if response.StatusCode != http.StatusOK || text == "" {
			t.Errorf("%s: %s", name, response.Status)
		}
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", name, policy)
		}
	}
	if _, text := do(t, "GET", server.URL+h.Path(), "", nil); !strings.Contains(text, `name="playground" content="served"`) {
		t.Error("the page does not know that it is served")
	}
}

func TestOnlyItsOwnPageGetsAnAnswer(t *testing.T) {
	server, h := start(t, gone{})
	json := map[string]string{"Content-Type": "application/json"}
	with := func(name, value string) map[string]string {
		return map[string]string{"Content-Type": "application/json", name: value}
	}
	answer, fleet := h.Path()+"answer", h.Path()+"cluster/fleet"
	for name, of := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"its own":                       {"POST", answer, json, http.StatusOK},
		"its own, as browsers say":      {"POST", answer, map[string]string{"Content-Type": "application/json", "Origin": server.URL, "Sec-Fetch-Site": "same-origin"}, http.StatusOK},
		"a name that leads to loopback": {"POST", answer, with("Host", "rebound.example.com"), http.StatusForbidden},
		"another page":                  {"POST", answer, with("Origin", "https://example.com"), http.StatusForbidden},
		"a page on another port":        {"POST", answer, with("Origin", "http://127.0.0.1:1"), http.StatusForbidden},
		"a page without an origin":      {"POST", answer, with("Origin", "null"), http.StatusForbidden},
		"a request from elsewhere":      {"GET", fleet, map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		"a page of the same machine":    {"GET", fleet, map[string]string{"Sec-Fetch-Site": "same-site"}, http.StatusForbidden},
		"a form of another page":        {"POST", answer, map[string]string{"Content-Type": "text/plain"}, http.StatusUnsupportedMediaType},
		"without the token":             {"POST", "/answer", json, http.StatusNotFound},
		"with another token":            {"POST", "/" + strings.Repeat("A", len(h.token)) + "/answer", json, http.StatusNotFound},
		"the root":                      {"GET", "/", nil, http.StatusNotFound},
		"the root by a name":            {"GET", "/", map[string]string{"Host": "localhost:1"}, http.StatusNotFound},
		"another method":                {"DELETE", answer, json, http.StatusNotFound},
		"out of the folder":             {"GET", h.Path() + "..%2f..%2fetc/passwd", nil, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			response, text := do(t, of.method, server.URL+of.path, `{}`, of.header)
			if response.StatusCode != of.want {
				t.Errorf("%s, want %d: %s", response.Status, of.want, text)
			}
		})
	}
}

func TestTextsThatAreTooLargeGetASentence(t *testing.T) {
	server, h := start(t, nil)
	large, err := json.Marshal(playground.Request{Pod: strings.Repeat("# nothing\n", 5<<20/10)})
	if err != nil {
		t.Fatal(err)
	}
	response, text := do(t, "POST", server.URL+h.Path()+"answer", string(large), map[string]string{"Content-Type": "application/json"})
	if response.StatusCode != http.StatusOK || !strings.Contains(text, "shorten it") {
		t.Errorf("%s: %s", response.Status, text)
	}
	response, text = do(t, "POST", server.URL+h.Path()+"answer", strings.Repeat(" ", maxRequest+1), map[string]string{"Content-Type": "application/json"})
	if response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(text, "shorten them") {
		t.Errorf("%s: %s", response.Status, text)
	}
}

func TestAnAnswerThatTakesTooLongIsASentence(t *testing.T) {
	server, h := start(t, nil)
	h.patience = time.Nanosecond
	const pod = `{"pod": "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: web, image: web}]}\n"}`
	response, text := do(t, "POST", server.URL+h.Path()+"answer", pod, map[string]string{"Content-Type": "application/json"})
	if response.StatusCode != http.StatusOK || !strings.Contains(text, "took too long and was stopped") {
		t.Errorf("%s: %s", response.Status, text)
	}
}

func TestAClusterThatIsGoneIsASentence(t *testing.T) {
	server, h := start(t, gone{})
	for _, path := range []string{"cluster/fleet", "cluster/object?namespace=shop&name=deploy/web"} {
		response, text := do(t, "GET", server.URL+h.Path()+path, "", nil)
		if response.StatusCode != http.StatusBadGateway || !strings.Contains(text, "connection refused") {
			t.Errorf("%s: %s: %s", path, response.Status, text)
		}
	}
	if _, text := do(t, "GET", server.URL+h.Path(), "", nil); strings.Contains(text, "<script>alert") {
		t.Error("the context's name became markup")
	}
	without, h := start(t, nil)
	if response, _ := do(t, "GET", without.URL+h.Path()+"cluster/fleet", "", nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("without a cluster: %s", response.Status)
	}
}
