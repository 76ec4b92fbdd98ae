package webhook_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// unread posts a pod over a new connection and does not read the response until the test is over.
func (e *edge) unread() {
	e.t.Helper()
	address := strings.TrimSuffix(strings.TrimPrefix(e.url, "https://"), webhook.Path)
	plain, err := net.Dial("tcp", address)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { _ = plain.Close() })
	if err := plain.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		e.t.Fatal(err)
	}
	conn := tls.Client(plain, &tls.Config{InsecureSkipVerify: true})
	body := review(plainPod)
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", webhook.Path, len(body), body); err != nil {
		e.t.Fatal(err)
	}
}

// largePatch returns an Injector whose patch has that many bytes.
func largePatch(bytes int) webhook.Injector {
	value := []byte(`"` + strings.Repeat("x", bytes) + `"`)
	return func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
		return &inject.Result{Outcome: inject.Injected, Reason: inject.Annotation,
			Operations: []inject.Operation{{Path: "/metadata/annotations/x", Value: value}}}, nil
	}
}

// patchThatBlocks is the size of a patch that makes a response of 8 MiB, more than the buffers of a
// connection hold.
const patchThatBlocks = 6 << 20

func TestCallersWhoDoNotReadHoldNoMoreThanTheLimit(t *testing.T) {
	const callers, fit = 12, 4
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = largePatch(patchThatBlocks)
		o.Limits = webhook.Limits{MaxBytes: fit*9<<20 + 6<<20, WriteTimeout: time.Hour}
	}).serve()
	for range callers {
		e.unread()
	}
	turnedAway := func() float64 {
		return e.count("sidecar_injector_turned_away_total", "path", webhook.Path, "code", "503")
	}
	eventually(t, "each is answered or turned away", func() bool {
		return turnedAway()+e.count("sidecar_injector_requests_in_flight") == callers
	})
	if n := e.count("sidecar_injector_requests_in_flight"); n < 1 || n > fit+1 {
		t.Errorf("%v answers are held, want at most %d", n, fit+1)
	}
}

func TestACallerWhoDoesNotReadIsNotWaitedForForEver(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = largePatch(patchThatBlocks)
		o.Limits = webhook.Limits{MaxRequests: 1, WriteTimeout: 50 * time.Millisecond}
	}).serve()
	e.unread()
	eventually(t, "the deadline has ended it", func() bool {
		return e.count("sidecar_injector_turned_away_total", "path", webhook.Path, "code", "499") == 1 &&
			e.count("sidecar_injector_requests_in_flight") == 0
	})
	e.handler.Inject = inject.Inject
	if got := e.post(review(plainPod)); got.StatusCode != http.StatusOK {
		t.Errorf("its place is not free: status %d: %s", got.StatusCode, got.body)
	}
}

func TestACallerWhoDoesNotReadHoldsAPlace(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = largePatch(patchThatBlocks)
		o.Limits = webhook.Limits{MaxRequests: 1, WriteTimeout: time.Hour}
	}).serve()
	e.unread()
	eventually(t, "the answer is being written", func() bool {
		return e.count("sidecar_injector_decisions_total", "outcome", "injected") == 1
	})
	if got := e.post(review(plainPod)); got.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}
