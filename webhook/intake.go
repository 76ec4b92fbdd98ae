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

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// intake is the part that all handlers share: it reads an admission review from a request, enforces the
// limits, and answers malformed requests.
type intake struct {
	Options
	path     string
	limits   Limits // Options.Limits with the defaults of this path
	turns    *turns // nil for work that cannot wait
	pending  pending
	buffers  bufferPool
	draining atomic.Bool
}

// answerer returns the body of a 200 response for the received review. A *callError is the client's fault,
// any other error an internal one. The body is valid as long as b.
type answerer func(ctx context.Context, b *buffers) ([]byte, error)

// Drain makes every response from now on close its connection, so that clients reconnect to another
// replica.
func (i *intake) Drain() { i.draining.Store(true) }

// serve answers one request. failed is called with an internal error, which is answered with HTTP 500. The
// request counts against the limits until its response is written, so that a client that does not read
// cannot make the server hold more than the limits allow.
func (i *intake) serve(w http.ResponseWriter, r *http.Request, start time.Time, answer answerer, failed func(error)) {
	i.Metrics.inFlight.Inc()
	defer i.Metrics.inFlight.Dec()

	b := i.buffers.get()
	defer i.buffers.put(b)
	b.receipt = receipt{pending: &i.pending, limits: &i.limits}
	defer b.receipt.leave()
	control := http.NewResponseController(w)
	// The server's ResponseWriter supports deadlines; those of some tests do not, so the error is ignored.
	_ = control.SetReadDeadline(start.Add(i.limits.ReadTimeout))
	body, err := i.answer(r, b, answer)

	if i.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	if err != nil {
		i.refuse(w, r, control, err, failed)
		return
	}
	// Release the other buffers' memory to other requests while the response is written.
	b.received, b.patch = emptied(b.received), emptied(b.patch)
	b.receipt.hold(int64(len(body)))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_ = control.SetWriteDeadline(time.Now().Add(i.limits.WriteTimeout))
	if _, err := w.Write(body); err != nil {
		// The client disconnected or read too slowly: no answer can reach it.
		i.turnAway(r, &callError{statusCallerGone, fmt.Errorf("answer: %w", err)})
	}
}

// callError is an error that the client caused, or a 503 that asks it to retry.
type callError struct {
	code int
	err  error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// statusCallerGone is the code of metrics and log for a client that disconnected; it is never sent. The
// number is nginx's.
const statusCallerGone = 499

// overloaded returns the error that is answered with 503 and Retry-After.
func overloaded() error {
	return &callError{http.StatusServiceUnavailable, errors.New("too many requests at once; try again")}
}

// heeded returns an error if the client has disconnected, so that no work is done for a response that
// nobody receives.
func heeded(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &callError{statusCallerGone, fmt.Errorf("the caller has gone: %w", err)}
	}
	return nil
}

// refuse writes the error response of a request that got no decision.
func (i *intake) refuse(w http.ResponseWriter, r *http.Request, control *http.ResponseController, err error, failed func(error)) {
	code := http.StatusInternalServerError
	if call := (*callError)(nil); errors.As(err, &call) {
		code = call.code
		i.turnAway(r, call)
		i.discard(r)
	} else {
		failed(err)
	}
	switch code {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "1")
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	}
	_ = control.SetWriteDeadline(time.Now().Add(i.limits.WriteTimeout))
	http.Error(w, "sidecar-injector: "+err.Error(), code)
}

// turnAway counts and logs a request that failed because of the client, or that has to be retried.
func (i *intake) turnAway(r *http.Request, err *callError) {
	i.Metrics.turnedAway.WithLabelValues(i.path, strconv.Itoa(err.code)).Inc()
	i.Log.V(1).Info("request turned away", "path", i.path, "code", err.code, "why", err.Error(), "remote", r.RemoteAddr)
}

// discard reads the rest of the body, up to four times the limit, because a connection can be reused only
// after that.
func (i *intake) discard(r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 4*i.limits.MaxBody)
}

// answer checks the request, reads its body and calls answer. A panic in any of these becomes an internal
// error.
func (i *intake) answer(r *http.Request, b *buffers, answer answerer) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			i.Log.Error(fmt.Errorf("panic: %v", p), "admission request caused a panic", "path", i.path, "stack", string(debug.Stack()))
			body, err = nil, errors.New("internal error")
		}
	}()
	if err := i.check(r); err != nil {
		return nil, err
	}
	if i.turns != nil {
		if err := i.turns.admit(r.Context()); err != nil {
			return nil, err
		}
	}
	if err := i.read(r, b); err != nil {
		return nil, err
	}
	if !b.receipt.enter() {
		return nil, overloaded()
	}
	if err := heeded(r.Context()); err != nil {
		return nil, err
	}
	if body, err = answer(r.Context(), b); err != nil {
		return nil, err
	}
	return body, heeded(r.Context())
}

// check validates path, method and content type, before the body is read.
func (i *intake) check(r *http.Request) error {
	if r.URL.Path != i.path {
		return &callError{http.StatusNotFound, fmt.Errorf("path %s: want %s", message.Quote(r.URL.Path), i.path)}
	}
	if r.Method != http.MethodPost {
		return &callError{http.StatusMethodNotAllowed, fmt.Errorf("method %s: want POST", message.Quote(r.Method))}
	}
	contentType := r.Header.Get("Content-Type")
	if contentType == "application/json" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return &callError{http.StatusUnsupportedMediaType, fmt.Errorf("content type %s: want application/json", message.Quote(contentType))}
	}
	return nil
}

// read receives the whole body into b.received. The buffer grows as bytes arrive, regardless of the
// announced length, so that slow clients cannot reserve all memory.
func (i *intake) read(r *http.Request, b *buffers) error {
	limit := i.limits.MaxBody
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
		if !b.receipt.hold(want) {
			return overloaded()
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
		err = nil // without a Content-Length the body ends at EOF
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &callError{http.StatusRequestTimeout, fmt.Errorf("body: not received within %s", i.limits.ReadTimeout)}
	case err != nil:
		return &callError{http.StatusBadRequest, fmt.Errorf("body: %w", err)}
	case int64(len(b.received)) > limit:
		return tooLarge()
	case len(b.received) == 0:
		return &callError{http.StatusBadRequest, errors.New("body: empty")}
	}
	return nil
}
