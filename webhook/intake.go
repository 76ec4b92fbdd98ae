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

// intake takes admission reviews off the wire, on each path in the same way: it
// bounds what callers may cost, and tells them what they got wrong.
type intake struct {
	Options
	path     string
	limits   Limits // those of the path: of the options, or its own defaults
	pending  pending
	buffers  bufferPool
	draining atomic.Bool
}

// newIntake takes reviews on a path.
func newIntake(path string, options Options, limits Limits) intake {
	return intake{Options: options, path: path, limits: limits}
}

// answerer makes the body of a 200 of what was received, or says why there is none: a
// *callError is the caller's fault, any other error ours. The answer is valid as long as b.
type answerer func(ctx context.Context, b *buffers) ([]byte, error)

// Drain makes every answer from now on close its connection, so that callers move elsewhere.
func (i *intake) Drain() { i.draining.Store(true) }

// serve answers one request. failed hears of a fault of ours, which is answered with HTTP 500.
// What the request takes of the limits it keeps until its answer is written, so that a caller
// who does not read holds no more than one who does.
func (i *intake) serve(w http.ResponseWriter, r *http.Request, start time.Time, answer answerer, failed func(error)) {
	i.Metrics.inFlight.Inc()
	defer i.Metrics.inFlight.Dec()

	b := i.buffers.get()
	defer i.buffers.put(b)
	b.receipt = receipt{pending: &i.pending, limits: &i.limits}
	defer b.receipt.leave()
	control := http.NewResponseController(w)
	// Not every ResponseWriter of a test knows deadlines; a server's does.
	_ = control.SetReadDeadline(start.Add(i.limits.ReadTimeout))
	body, err := i.answer(r, b, answer)

	if i.draining.Load() {
		w.Header().Set("Connection", "close")
	}
	if err != nil {
		i.refuse(w, r, control, err, failed)
		return
	}
	// The rest of the memory can serve others while the answer is written.
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

// callError is a request that the caller got wrong, or that has to wait.
type callError struct {
	code int
	err  error
}

func (e *callError) Error() string { return e.err.Error() }
func (e *callError) Unwrap() error { return e.err }

// statusCallerGone is for metrics and log: there is nobody to read it. The number is nginx's.
const statusCallerGone = 499

// overloaded is answered with Retry-After.
func overloaded() error {
	return &callError{http.StatusServiceUnavailable, errors.New("too many requests at once; try again")}
}

// heeded fails when the caller has gone, so that nothing is done for nobody.
func heeded(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &callError{statusCallerGone, fmt.Errorf("the caller has gone: %w", err)}
	}
	return nil
}

// refuse answers a request that got no decision.
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

// turnAway counts a request that the caller got wrong, or that had to go.
func (i *intake) turnAway(r *http.Request, err *callError) {
	i.Metrics.turnedAway.WithLabelValues(i.path, strconv.Itoa(err.code)).Inc()
	i.Log.V(1).Info("request turned away", "path", i.path, "code", err.code, "why", err.Error(), "remote", r.RemoteAddr)
}

// discard reads what is left of the body, within reason, because the connection
// cannot be used again before that.
func (i *intake) discard(r *http.Request) {
	_, _ = io.CopyN(io.Discard, r.Body, 4*i.limits.MaxBody)
}

// answer receives the body and has it answered. A panic anywhere below is an error of ours.
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

// check looks at what can be said before the body is read.
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

// read receives the whole body. Memory is taken as bytes arrive, whatever length
// is announced, so that slow callers cannot take it all.
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
		err = nil // the end, where no length was announced
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
