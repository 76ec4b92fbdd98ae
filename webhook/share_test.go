package webhook

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
)

// turnsByTheClock returns turns that count the bubble's clock as CPU time.
func turnsByTheClock(a allowance) *turns {
	t := newTurns(a)
	start := time.Now()
	t.used = func() time.Duration { return time.Since(start) }
	return t
}

func TestWorkThatCanWaitTakesNoMoreThanItsShareOfOneProcessor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers, takes, lasts = 32, 50 * time.Millisecond, 2000 * time.Second
		turns := turnsByTheClock(reviewAllowance())
		start := time.Now()
		var done, turnedAway, atOnce, worst atomic.Int64
		var attack sync.WaitGroup
		for range callers {
			attack.Go(func() {
				for time.Since(start) < lasts {
					err := turns.do(t.Context(), func() error {
						worst.Store(max(worst.Load(), atOnce.Add(1)))
						time.Sleep(takes)
						atOnce.Add(-1)
						done.Add(1)
						return nil
					})
					if call := (*callError)(nil); errors.As(err, &call) && call.code == http.StatusServiceUnavailable {
						turnedAway.Add(1)
						time.Sleep(100 * time.Millisecond)
					} else if err != nil {
						t.Error(err)
					}
				}
			})
		}
		attack.Wait()
		took := time.Duration(done.Load()) * takes
		// The burst of 5 s, 0.5 % of the time, and one request that may exceed the credit.
		if most := 5*time.Second + time.Since(start)/200 + takes; took > most || took < most-6*time.Second {
			t.Errorf("%s of work, want about %s", took, most)
		}
		if worst.Load() != 1 || turnedAway.Load() == 0 {
			t.Errorf("%d at once, %d turned away", worst.Load(), turnedAway.Load())
		}
	})
}

func TestProcessorTimeIsWhatIsWorkedNotWhatIsWaited(t *testing.T) {
	turns := newTurns(reviewAllowance())
	burn := func() error {
		for start := turns.used(); turns.used()-start < 20*time.Millisecond; {
			for range 1000 { // the thread's CPU clock may be coarse
			}
		}
		return nil
	}
	before := turns.credit
	if err := turns.do(t.Context(), burn); err != nil {
		t.Fatal(err)
	}
	if spent := before - turns.credit; spent < 20*time.Millisecond {
		t.Errorf("%s spent on 20 ms of work", spent)
	}
}

// TestAFloodIsSlowedDown: while there is no credit, a request is rejected after a second. Its body is not read
// before that, and is discarded then.
func TestAFloodIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		advice := NewAdvice(NewHandler(Options{Metrics: NewMetrics(prometheus.NewRegistry()), Log: logr.Discard()}))
		advice.turns.spend(time.Hour)
		body := &watchedBody{reader: strings.NewReader("{}")}
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, AdvicePath, body)
		request.Header.Set("Content-Type", "application/json")
		recorder := httptest.NewRecorder()
		start := time.Now()
		body.before = func() {
			if since := time.Since(start); since < longestWait {
				t.Errorf("the body is read after %s", since)
			}
		}
		advice.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusServiceUnavailable || time.Since(start) != longestWait {
			t.Errorf("status %d after %s", recorder.Code, time.Since(start))
		}
	})
}

// watchedBody calls before ahead of each read.
type watchedBody struct {
	reader io.Reader
	before func()
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.before()
	return b.reader.Read(p)
}
