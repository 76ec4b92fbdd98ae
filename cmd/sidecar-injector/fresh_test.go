package main

import (
	"context"
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// TestWhetherTemplatesAreInForceIsAskedUntilThereIsAnAnswer: an outage is waited for, an expired login is not,
// and neither counts as a change.
func TestWhetherTemplatesAreInForceIsAskedUntilThereIsAnAnswer(t *testing.T) {
	away, expired := apierrors.NewServiceUnavailable("away"), apierrors.NewUnauthorized("Unauthorized")
	for name, test := range map[string]struct {
		first error
		is    bool
		calls int
		want  error
	}{
		"at once":         {nil, false, 1, nil},
		"changed":         {nil, true, 1, errTemplatesChanged},
		"after an outage": {away, false, 2, nil},
		"login expired":   {expired, false, 1, expired},
	} {
		calls := 0
		f := &freshness{patience: time.Minute}
		err := f.same(t.Context(), func(context.Context) (bool, error) {
			if calls++; calls == 1 && test.first != nil {
				return false, test.first
			}
			return test.is, nil
		})
		if !errors.Is(err, test.want) || calls != test.calls {
			t.Errorf("%s: %v after %d calls", name, err, calls)
		}
	}
}

// TestAnAnswerIsUsedForAMoment: for what it is about, and not for longer; an error is no answer.
func TestAnAnswerIsUsedForAMoment(t *testing.T) {
	f, calls := &freshness{}, ""
	ask := func(what string, is bool) error {
		return f.about(t.Context(), what, func(context.Context) (bool, error) {
			calls += what + " "
			return is, nil
		})
	}
	for _, what := range []string{"shop", "shop", "bank", "shop", "bank"} {
		must(t, ask(what, false))
	}
	f.asked["shop"] = f.asked["shop"].Add(-freshFor)
	for range 2 {
		if err := ask("shop", true); !errors.Is(err, errTemplatesChanged) {
			t.Errorf("a change: %v", err)
		}
	}
	if calls != "shop bank shop shop " {
		t.Errorf("asked about %s", calls)
	}
}
