// Package webhook is the admission edge: it takes an AdmissionReview off the
// wire, has webhook/inject decide, and answers.
//
// Whose fault it is decides how a request is answered (see the statuses below):
//
//	the pod author's   200, allowed false, status 422 with every cause
//	the injector's     500 with a body, so that the webhook configuration's failurePolicy decides
//	overload           503 with Retry-After, which the API server heeds
//	the caller's       4xx; the connection survives and nothing is logged as an error
//
// A rejected admission (the second column of the first row) ignores failurePolicy,
// so the injector never answers its own faults that way.
package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Path is where the API server posts admission reviews.
const Path = "/mutate"

// Templates gives the templates in force.
type Templates interface {
	// Current is never nil.
	Current() *templates.Set
	// Ready says whether the templates have been loaded at all.
	Ready() bool
}

// Injector decides on one pod: inject.Inject.
type Injector func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error)

// Options are what a Handler works with. All but Limits are required.
type Options struct {
	Templates  Templates
	Namespaces Namespaces
	Inject     Injector
	Settings   *inject.Settings
	Metrics    *Metrics
	Log        logr.Logger
	Limits     Limits
}

// Handler answers admission reviews. It keeps nothing between requests and has
// no side effects, so a dry run is answered like any other request.
type Handler struct {
	Options
	load     load
	buffers  bufferPool
	draining atomic.Bool
}

// NewHandler makes a handler that answers on Path, and any other path with 404.
func NewHandler(options Options) *Handler {
	options.Limits = options.Limits.withDefaults()
	return &Handler{Options: options}
}

// Drain makes every answer from now on close its connection, so that callers move elsewhere.
func (h *Handler) Drain() { h.draining.Store(true) }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.Metrics.inFlight.Inc()
	defer h.Metrics.inFlight.Dec()

	b := h.buffers.get()
	defer h.buffers.put(b)
	body, err := h.answer(w, r, b, start)

	if h.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	if err != nil {
		h.refuse(w, r, err)
	} else {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		// A caller that has gone is his own affair.
		_, _ = w.Write(body)
	}
	h.Metrics.duration.Observe(time.Since(start).Seconds())
}

// callError is a request that the caller got wrong, or that has to wait.
type callError struct {
	code int
	err  error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// errOverloaded is answered with Retry-After.
var errOverloaded = errors.New("too many requests at once; try again")

// refuse answers a request that got no decision.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var call *callError
	if !errors.As(err, &call) {
		h.Metrics.failed()
		h.Log.Error(err, "admission request not answered")
		http.Error(w, "sidecar-injector: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h.Metrics.turnedAway.WithLabelValues(strconv.Itoa(call.code)).Inc()
	h.Log.V(1).Info("request turned away", "code", call.code, "why", err.Error(), "remote", r.RemoteAddr)
	switch call.code {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	h.discard(r)
	http.Error(w, "sidecar-injector: "+err.Error(), call.code)
}

// discard reads what is left of the body, within reason, because the connection
// cannot be used again before that.
func (h *Handler) discard(r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 4*h.Limits.MaxBody)
}

// answer gives the body of a 200, or why there is none; it is valid as long as b.
// A panic anywhere below is an error of ours.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, b *buffers, start time.Time) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error(fmt.Errorf("panic: %v", p), "admission request caused a panic", "stack", string(debug.Stack()))
			body, err = nil, errors.New("internal error")
		}
	}()
	// Not every ResponseWriter of a test knows deadlines; a server's does.
	_ = http.NewResponseController(w).SetReadDeadline(start.Add(h.Limits.ReadTimeout))
	if err := check(r); err != nil {
		return nil, err
	}
	received := receipt{load: &h.load, limits: &h.Limits}
	defer received.leave()
	if err := h.read(r, b, &received); err != nil {
		return nil, err
	}
	if !h.load.enter(&h.Limits) {
		return nil, &callError{http.StatusServiceUnavailable, errOverloaded}
	}
	defer h.load.leave()
	review, err := decodeReview(b.received)
	if err != nil {
		return nil, &callError{http.StatusBadRequest, err}
	}
	if !review.createsPod() {
		return allowed(review.uid), nil
	}
	return h.decide(r.Context(), review, b, start)
}

// check looks at what can be said before the body is read.
func check(r *http.Request) error {
	if r.URL.Path != Path {
		return &callError{http.StatusNotFound, fmt.Errorf("path %s: want %s", templates.Quote(r.URL.Path), Path)}
	}
	if r.Method != http.MethodPost {
		return &callError{http.StatusMethodNotAllowed, fmt.Errorf("method %s: want POST", templates.Quote(r.Method))}
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "application/json" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return &callError{http.StatusUnsupportedMediaType, fmt.Errorf("content type %s: want application/json", templates.Quote(contentType))}
	}
	return nil
}

// read receives the whole body. Memory is taken as bytes arrive, whatever length
// is announced, so that slow callers cannot take it all.
func (h *Handler) read(r *http.Request, b *buffers, received *receipt) error {
	limit := h.Limits.MaxBody
	tooLarge := func() error {
		return &callError{http.StatusRequestEntityTooLarge, fmt.Errorf("body: larger than %d bytes", limit)}
	}
	if r.ContentLength > limit {
		return tooLarge()
	}
	var err error
	for want := int64(firstBytes); err == nil; want *= 2 {
		if r.ContentLength >= 0 {
			want = min(want, r.ContentLength)
		}
		want = min(want, limit+1)
		if !received.upTo(want) {
			return &callError{http.StatusServiceUnavailable, errOverloaded}
		}
		have := int64(len(b.received))
		b.received = slices.Grow(b.received, int(want-have))[:want]
		var n int
		n, err = io.ReadFull(r.Body, b.received[have:])
		b.received = b.received[:have+int64(n)]
		if int64(len(b.received)) == r.ContentLength || int64(len(b.received)) > limit {
			break
		}
	}
	if r.ContentLength < 0 && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = nil // the end, where no length was announced
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &callError{http.StatusRequestTimeout, fmt.Errorf("body: not received within %s", h.Limits.ReadTimeout)}
	case err != nil:
		return &callError{http.StatusBadRequest, fmt.Errorf("body: %w", err)}
	case int64(len(b.received)) > limit:
		return tooLarge()
	case len(b.received) == 0:
		return &callError{http.StatusBadRequest, errors.New("body: empty")}
	}
	return nil
}

// decide answers the creation of a pod.
func (h *Handler) decide(ctx context.Context, r *review, b *buffers, start time.Time) ([]byte, error) {
	if !h.Templates.Ready() {
		return nil, errors.New("templates are not loaded yet")
	}
	namespace, err := h.Namespaces.Namespace(ctx, r.namespace)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", templates.Quote(r.namespace), err)
	}
	result, err := h.Inject(h.Templates.Current(), h.Settings, &inject.Request{Read: r.pod, Namespace: namespace})
	if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) {
		return nil, &callError{http.StatusBadRequest, fmt.Errorf("admission review: request.object: %w", err)}
	}
	if err != nil {
		return nil, err
	}
	instances := summarize(result)
	body, err := respond(b, r.uid, result, audit(result, instances))
	if err != nil {
		return nil, err
	}
	h.Metrics.decided(result)
	logDecision(h.Log, r, result, instances, time.Since(start))
	return body, nil
}
