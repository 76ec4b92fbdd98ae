package webhook_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// work is an Injector that takes a while by the bubble's clock.
type work struct {
	takes         time.Duration
	begun         atomic.Int64
	atOnce, worst atomic.Int64
}

func (w *work) inject(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) {
	w.begun.Add(1)
	w.worst.Store(max(w.worst.Load(), w.atOnce.Add(1)))
	time.Sleep(w.takes)
	w.atOnce.Add(-1)
	return &inject.Result{Outcome: inject.Skipped, Reason: inject.NothingRequested}, nil
}

// adviser returns a function that posts to AdvicePath, where the work is done, and returns the status code.
func adviser(t *testing.T, w *work) (ask func(ctx context.Context) int) {
	t.Helper()
	e := newEdge(t, func(o *webhook.Options) { o.Inject = w.inject })
	advice := webhook.NewAdvice(e.handler)
	return func(ctx context.Context) int {
		request := httptest.NewRequestWithContext(ctx, http.MethodPost, webhook.AdvicePath, strings.NewReader(createDeployment(deployment("", ""))))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		advice.ServeHTTP(recorder, request)
		if recorder.Code == http.StatusServiceUnavailable && recorder.Header().Get("Retry-After") != "1" {
			t.Errorf("Retry-After: %q", recorder.Header().Get("Retry-After"))
		}
		return recorder.Code
	}
}

func TestNothingIsDoneForCallersWhoHaveGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &work{takes: time.Second}
		ask := adviser(t, w)
		var all sync.WaitGroup
		all.Go(func() { ask(t.Context()) })
		synctest.Wait() // the first request is in progress
		for range 5 {
			all.Go(func() {
				ctx, leave := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer leave()
				if code := ask(ctx); code != 499 {
					t.Errorf("status %d", code)
				}
			})
		}
		all.Wait()
		if n := w.begun.Load(); n != 1 {
			t.Errorf("%d were worked for, want the one who waited", n)
		}
	})
}

func TestWhatWaitsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &work{takes: time.Second}
		ask := adviser(t, w)
		var all sync.WaitGroup
		var turnedAway atomic.Int64
		for range 100 {
			all.Go(func() {
				if ask(t.Context()) == http.StatusServiceUnavailable {
					turnedAway.Add(1)
				}
			})
		}
		synctest.Wait()
		if n := turnedAway.Load(); n != 100-16 {
			t.Errorf("%d of 100 are turned away at once, want all but 16", n)
		}
		all.Wait()
	})
}

func TestAPanicGivesTheTurnBack(t *testing.T) {
	e := newEdge(t, func(o *webhook.Options) {
		o.Inject = func(*templates.Set, *inject.Settings, *inject.Request) (*inject.Result, error) { panic("broken") }
	})
	advice := webhook.NewAdvice(e.handler)
	for range 20 {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, webhook.AdvicePath, strings.NewReader(createDeployment(deployment("", ""))))
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		advice.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
		}
	}
}
