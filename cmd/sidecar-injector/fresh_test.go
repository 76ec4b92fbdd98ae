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
