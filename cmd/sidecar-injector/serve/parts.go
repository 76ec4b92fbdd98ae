package serve

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/keeper"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// component is a part of the program that runs beside the webhook.
type component interface {
	// Run works until ctx is done and then returns nil. An error ends the program.
	Run(ctx context.Context) error
}

// parts are the components and handlers that addParts adds to the webhook.
type parts struct {
	everywhere []component             // run in every replica
	writers    []component             // run in the replica that holds the lease, because they write what replicas share
	handlers   map[string]http.Handler // on the webhook's listener, by path
	checks     []func() error          // readiness checks; the error says what is missing
}

// addParts creates the parts beside the webhook. s must be complete except for them and the server.
func (o *Options) addParts(log logr.Logger, s *service) error {
	if s.cluster != nil && s.cluster.name != "" {
		s.handler.Events = webhook.NewEvents(s.cluster.client.CoreV1().Events(""), s.cluster.pod, s.handler.Metrics, log, time.Now)
		s.everywhere = append(s.everywhere, s.handler.Events)
	}
	s.handlers = map[string]http.Handler{
		webhook.AdvicePath:    webhook.NewAdvice(s.handler),
		webhook.TemplatesPath: webhook.NewTemplateReview(s.handler.Options),
	}
	if err := addStatus(log, s); err != nil {
		return err
	}
	return o.addKeeper(log, s)
}

// addKeeper adds the keeper, if o.Keeper selects any work.
func (o *Options) addKeeper(log logr.Logger, s *service) error {
	if len(o.Keeper) == 0 {
		return nil
	}
	k, err := keeper.New(keeper.Options{
		Config:    s.cluster.config,
		Client:    s.cluster.client,
		Namespace: s.cluster.namespace,
		Name:      s.cluster.name,
		Host:      s.cluster.pod,
		Works:     o.Keeper,
		Templates: s.library,
		Settings:  s.settings,
		Metrics:   keeper.NewMetrics(s.registry),
		Log:       log.WithName("keeper"),
	})
	if err != nil {
		return err
	}
	s.writers = append(s.writers, k)
	return nil
}

// drain calls Drain on the handlers that have it, so that they close their connections.
func (p *parts) drain() {
	for _, handler := range p.handlers {
		if d, ok := handler.(interface{ Drain() }); ok {
			d.Drain()
		}
	}
}

// run runs the parts until ctx is done. The writers run only in an installation with a name.
func (p *parts) run(ctx context.Context, log logr.Logger, c *cluster) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return runAll(ctx, p.everywhere) })
	if c != nil && c.name != "" && len(p.writers) > 0 {
		l := &lease{cluster: c, log: log, lead: func(ctx context.Context) error { return runAll(ctx, p.writers) }}
		group.Go(func() error { return l.run(ctx) })
	}
	return group.Wait()
}

// runAll runs components until ctx is done, or one of them fails.
func runAll(ctx context.Context, components []component) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, c := range components {
		group.Go(func() error { return c.Run(ctx) })
	}
	return group.Wait()
}
