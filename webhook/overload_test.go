package webhook_test

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
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
