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

	mu    sync.Mutex
	asked time.Time
}

// freshFor is how long an answer about settings and templates is used, for the pods of one batch.
const freshFor = 250 * time.Millisecond

// check returns errTemplatesChanged if settings or templates have changed.
func (f *freshness) check(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.asked) < freshFor {
		return nil
	}
	asked := time.Now()
	if err := f.same(ctx, f.reader.Changed); err != nil {
		return err
	}
	f.asked = asked
	return nil
}

// namespace returns errTemplatesChanged if settings or templates have changed, or what a namespace says.
func (f *freshness) namespace(namespace inject.Namespace) error {
	if err := f.check(f.ctx); err != nil || namespace.Name == "" {
		return err
	}
	return f.same(f.ctx, func(ctx context.Context) (bool, error) { return f.reader.NamespaceChanged(ctx, namespace) })
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
		case live.Stranger(err), time.Now().After(deadline):
			return fmt.Errorf("whether the templates are still in force: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}
