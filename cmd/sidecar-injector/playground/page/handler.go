package page

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"html"
	"io"
	"mime"
	"net"
	"net/http"
	"path"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
)

// maxRequest is the largest request body in bytes: three texts as JSON, in which a character may take six
// bytes.
const maxRequest = 3 * 6 * playground.MaxText

// patience is how long an answer may take, as the page itself waits for it.
const patience = 10 * time.Second

// security are headers of every response: the page loads nothing from elsewhere, cannot be framed, and does
// not send the token in its URL to other servers.
var security = map[string]string{
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "no-referrer",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Cache-Control":                "no-store",
}

// Handler serves the page and its engine on loopback, to clients that have the token. Other users of the
// machine do not have it, and requests of other web pages are rejected by their Host and Origin.
type Handler struct {
	token   string
	engine  *playground.Engine
	cluster Cluster // nil if there is none
	files   map[string][]byte
	mux     *http.ServeMux
	// patience is how long an answer may take.
	patience time.Duration
}

// NewHandler returns a Handler with a random token; cluster may be nil.
func NewHandler(engine *playground.Engine, cluster Cluster) (*Handler, error) {
	files, err := Files()
	if err != nil {
		return nil, err
	}
	catalogue, err := playground.NewCatalogue()
	if err != nil {
		return nil, err
	}
	if files["catalogue.json"], err = catalogue.JSON(); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	files["index.html"] = bytes.Replace(files["index.html"], []byte(`name="playground" content="static"`), []byte(`name="playground" content="served"`), 1)
	h := &Handler{token: rand.Text(), engine: engine, cluster: cluster, files: files, mux: http.NewServeMux(), patience: patience}
	if cluster != nil {
		files["index.html"] = bytes.Replace(files["index.html"], []byte(`name="cluster" content=""`), []byte(`name="cluster" content="`+html.EscapeString(cluster.Name())+`"`), 1)
		h.mux.HandleFunc("GET "+h.Path()+"cluster/fleet", h.fleet)
		h.mux.HandleFunc("GET "+h.Path()+"cluster/object", h.object)
	}
	h.mux.HandleFunc("GET "+h.Path()+"{file...}", h.file)
	h.mux.HandleFunc("POST "+h.Path()+"answer", h.answer)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "open the address that sidecar-injector playground printed when it was started; it is another one each time", http.StatusNotFound)
	})
	return h, nil
}

// Path returns the URL path of the page, which contains the token.
func (h *Handler) Path() string { return "/" + h.token + "/" }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for name, value := range security {
		w.Header().Set(name, value)
	}
	if why := foreign(r); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	h.mux.ServeHTTP(w, r)
}

// foreign returns why a request cannot be the page's own; "" if it may be.
func foreign(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "the playground answers on loopback only"
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return "the playground answers its own page only"
	}
	// Browsers send the relation of the requesting site; "none" means the address bar or a link outside of
	// the browser.
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && (site != "none" || r.Method != http.MethodGet) {
		return "the playground answers its own page only"
	}
	return ""
}

func (h *Handler) file(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if name == "" {
		name = "index.html"
	}
	data, ok := h.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", contentType(name))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
}

// contentType returns the media type of a file. It does not use package mime, whose results depend on the
// machine's tables.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/json"
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "a request is application/json", http.StatusUnsupportedMediaType)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		http.Error(w, fmt.Sprintf("the texts are larger than %d bytes together, or did not arrive: shorten them", maxRequest), http.StatusRequestEntityTooLarge)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.patience)
	defer cancel()
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(h.engine.AnswerJSON(ctx, body)) // the client may have disconnected
}
