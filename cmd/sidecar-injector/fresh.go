package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/live"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// errTemplatesChanged ends a run whose plan is based on settings, templates or a namespace that have been
// edited since.
var errTemplatesChanged = errors.New("the templates changed meanwhile")

// freshness reports whether what pods are compared with is still in force. It is safe for concurrent use.
type freshness struct {
	ctx      context.Context
	reader   *live.Reader
	patience time.Duration

	mu sync.Mutex
	// asked is when the last answer was asked for: about a namespace, or, by "", about settings and templates.
	asked map[string]time.Time
}

// freshFor is how long an answer is used, for the pods of one batch, and for the workloads of a plan.
const freshFor = 250 * time.Millisecond

// check returns errTemplatesChanged if settings or templates have changed.
func (f *freshness) check(ctx context.Context) error { return f.about(ctx, "", f.reader.Changed) }

// namespace returns errTemplatesChanged if settings or templates have changed, or what a namespace says.
func (f *freshness) namespace(namespace inject.Namespace) error {
	if err := f.check(f.ctx); err != nil || namespace.Name == "" {
		return err
	}
	return f.about(f.ctx, namespace.Name, func(ctx context.Context) (bool, error) { return f.reader.NamespaceChanged(ctx, namespace) })
}

// about calls changed, unless what it says has been asked just now.
func (f *freshness) about(ctx context.Context, what string, changed func(context.Context) (bool, error)) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked := time.Now()
	if asked.Sub(f.asked[what]) < freshFor {
		return nil
	}
	if err := f.same(ctx, changed); err != nil {
		return err
	}
	if f.asked == nil {
		f.asked = map[string]time.Time{}
	}
	f.asked[what] = asked
	return nil
}

// same calls changed until the API server answers, for as long as the freshness has patience. It does not wait
// for a user whom the API server does not know to become known.
func (f *freshness) same(ctx context.Context, changed func(context.Context) (bool, error)) error {
	for deadline := time.Now().Add(f.patience); ; {
		switch is, err := changed(ctx); {
		case err == nil && is:
			return errTemplatesChanged
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case live.Unauthenticated(err), time.Now().After(deadline):
			return fmt.Errorf("whether the templates are still in force: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
