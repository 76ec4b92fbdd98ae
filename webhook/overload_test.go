package webhook_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// gate is an Injector that blocks until it is opened.
type gate struct {
	entered chan struct{}
	open    chan struct{}
}

func (g gate) inject(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
	g.entered <- struct{}{}
	<-g.open
	return &inject.Result{Outcome: inject.Skipped, Reason: inject.NotEnabled}, nil
}

func TestOverloadIsAnsweredAtOnceWith503AndRetryAfter(t *testing.T) {
	for name, limits := range map[string]webhook.Limits{
		"too many requests": {MaxRequests: 2},
		"too many bytes":    {MaxBytes: 2 * int64(len(review(plainPod)))},
	} {
		t.Run(name, func(t *testing.T) {
			g := gate{make(chan struct{}), make(chan struct{})}
			e := newEdge(t, func(o *webhook.Options) { o.Inject, o.Limits = g.inject, limits }).serve()
			var busy sync.WaitGroup
			for range 2 {
				busy.Go(func() {
					if got := e.post(review(plainPod)); got.StatusCode != http.StatusOK {
						t.Errorf("a request that was let in: status %d: %s", got.StatusCode, got.body)
					}
				})
				<-g.entered
			}
			got := e.post(review(plainPod))
			if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "1" || len(got.body) == 0 {
				t.Errorf("status %d, Retry-After %q: %s", got.StatusCode, got.Header.Get("Retry-After"), got.body)
			}
			if n := e.count("sidecar_injector_turned_away_total", "code", "503"); n != 1 {
				t.Errorf("counted %v times", n)
			}
			close(g.open)
			busy.Wait()
			go func() { <-g.entered }()
			e.post(review(plainPod)).response(t)
		})
	}
}

// TestFewLargePodsAreWorkedOnAtOnce: the work takes a multiple of a pod's size in memory.
func TestFewLargePodsAreWorkedOnAtOnce(t *testing.T) {
	large := strings.Replace(plainPod, "web-", strings.Repeat("x", 3<<19), 1) // 1.5 MiB of 4
	e, g, open := atOnce(t, large, 5, 2)
	var small sync.WaitGroup
	small.Go(func() { e.post(review(plainPod)).response(t) })
	eventually(t, "a small one has its place", func() bool { return len(g.entered) == 3 })
	open()
	small.Wait()
}

// TestFewPodsAreDecidedOnAtOnce: what the expressions of a template make for a pod does not depend on its size.
func TestFewPodsAreDecidedOnAtOnce(t *testing.T) {
	_, _, open := atOnce(t, plainPod, 12, 8)
	open()
}

// atOnce sends equal pods, of which so many are to be worked on at once, and one more whose caller leaves. open
// lets the work go on and waits until all are answered.
func atOnce(t *testing.T, pod string, sent, want int) (e *edge, g gate, open func()) {
	t.Helper()
	g = gate{make(chan struct{}, sent+1), make(chan struct{})}
	e = newEdge(t, func(o *webhook.Options) { o.Inject = g.inject }).serve()
	var busy sync.WaitGroup
	for range sent {
		busy.Go(func() {
			if got := e.post(review(pod)); got.StatusCode != http.StatusOK {
				t.Errorf("status %d: %s", got.StatusCode, got.body)
			}
		})
	}
	eventually(t, "all have arrived", func() bool {
		return e.count("sidecar_injector_requests_in_flight") == float64(sent) && len(g.entered) == want
	})
	gone, leave := context.WithCancel(t.Context())
	defer leave()
	request, err := http.NewRequestWithContext(gone, http.MethodPost, e.url, bytes.NewReader(review(pod)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	busy.Go(func() {
		if response, err := e.client.Do(request); err == nil {
			response.Body.Close()
			t.Errorf("a further one has status %d", response.StatusCode)
		}
	})
	eventually(t, "a further one has arrived", func() bool { return e.count("sidecar_injector_requests_in_flight") == float64(sent+1) })
	leave()
	eventually(t, "the caller who left is counted", func() bool { return e.count("sidecar_injector_turned_away_total") == 1 })
	if n := len(g.entered); n != want {
		t.Errorf("%d are worked on at once", n)
	}
	return e, g, func() { close(g.open); busy.Wait() }
}

// slowBody returns its first bytes and then blocks until the test is over.
type slowBody struct {
	first io.Reader
	end   <-chan struct{}
}

func (s slowBody) Read(p []byte) (int, error) {
	if n, err := s.first.Read(p); err == nil {
		return n, nil
	}
	<-s.end
	return 0, io.EOF
}

func TestSlowCallerIsNotWaitedForForEver(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Limits.ReadTimeout = 50 * time.Millisecond }).serve()
	end := make(chan struct{})
	defer close(end)
	got := e.send(http.MethodPost, e.url, "application/json", slowBody{bytes.NewReader(review(plainPod)[:100]), end})
	if got.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}

func TestSlowCallersTakeNoRoomForWhatTheyAnnounce(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) { o.Limits = webhook.Limits{MaxBytes: 8 << 20, MaxRequests: 2} }).serve()
	end := make(chan struct{})
	defer close(end)
	for range 8 {
		go func() {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, slowBody{bytes.NewReader([]byte("{")), end})
			if err != nil {
				return
			}
			request.ContentLength = 4 << 20
			request.Header.Set("Content-Type", "application/json")
			if response, err := e.client.Do(request); err == nil {
				_ = response.Body.Close()
			}
		}()
	}
	// They are in progress once the server counts them.
	for e.count("sidecar_injector_requests_in_flight") < 8 {
		if t.Context().Err() != nil {
			t.Fatal("the slow callers never arrived")
		}
		runtime.Gosched()
	}
	if got := e.post(review(plainPod)); got.StatusCode != http.StatusOK {
		t.Errorf("status %d: %s", got.StatusCode, got.body)
	}
}
