package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// run puts everything together and serves until a signal has been heeded.
func (o *serveOptions) run(std streams) error {
	growHeap(growthLoading)
	// From here on a signal never just kills: the API server may already know us.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	log := newLogger(std.ErrOut, o.logLevel == "debug")
	s, err := o.assemble(log)
	if err != nil {
		return err
	}
	if s.cluster == nil { // else its templates are still to come
		loaded()
	}
	return o.serve(log, signals, s)
}

// assemble makes all parts and ties them together.
func (o *serveOptions) assemble(log logr.Logger) (*service, error) {
	file, err := config.Read(o.configFile)
	if err != nil {
		return nil, err
	}
	s := &service{settings: file.Settings()}
	if !o.standalone {
		if s.cluster, err = o.connect(); err != nil {
			return nil, err
		}
	}
	if s.namespaces, err = o.namespaces(s.cluster); err != nil {
		return nil, err
	}
	s.registry = newRegistry(readBuild())
	s.metrics = webhook.NewMetrics(s.registry)
	if err := o.addTemplates(log, s); err != nil {
		return nil, err
	}
	s.registry.MustRegister(webhook.NewTemplateCollector(s.library, s.library, s.metrics))
	s.handler = webhook.NewHandler(webhook.Options{
		Templates:  s.library,
		Namespaces: s.namespaces,
		Inject:     inject.Inject,
		Settings:   s.settings,
		Metrics:    s.metrics,
		Log:        log,
	})
	if err := o.addParts(log, s); err != nil {
		return nil, err
	}
	certificate, err := o.addCertificate(log, s)
	if err != nil {
		return nil, err
	}
	s.server, err = webhook.NewServer(o.listen, certificate.GetCertificate, s.handler, s.handlers)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// namespaces are a watch's in a cluster, and those of the file without one.
func (o *serveOptions) namespaces(c *cluster) (namespaces, error) {
	if c != nil {
		return c.watchNamespaces()
	}
	given, err := readNamespaceFile(o.namespaceFile)
	if err != nil {
		return nil, err
	}
	return webhook.NewStandaloneNamespaces(given), nil
}

// namespaces answer for themselves once Run runs and Synced says so.
type namespaces interface {
	webhook.Namespaces
	Run(ctx context.Context)
	Synced() bool
}

// service is all that runs.
type service struct {
	cluster    *cluster // nil without one
	settings   *inject.Settings
	library    *source.Library
	resources  *source.Resources // nil without a cluster
	namespaces namespaces
	handler    *webhook.Handler
	server     *webhook.Server
	registry   *prometheus.Registry
	metrics    *webhook.Metrics
	parts
}

// errSecondSignal ends the program before the drain is over.
var errSecondSignal = errors.New("stopped by a second signal before the drain was over")

// serve runs the service until a signal comes, and drains it then.
func (o *serveOptions) serve(log logr.Logger, signals <-chan os.Signal, s *service) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	readiness := &readiness{templates: s.library.Ready, namespaces: s.namespaces.Synced, certificate: s.server.Served, further: s.checks}
	for _, side := range []struct {
		what, address string
		handler       http.Handler
	}{
		{"metrics", o.metricsListen, metricsHandler(s.registry)},
		{"health", o.healthListen, healthHandler(readiness)},
		{"pprof", o.pprofListen, pprofHandler()},
	} {
		if err := listenAndServe(ctx, group, log, side.what, side.address, side.handler); err != nil {
			return err
		}
	}
	group.Go(func() error { s.library.Run(ctx); return nil })
	group.Go(func() error { s.namespaces.Run(ctx); return nil })
	group.Go(func() error { return s.server.Run(ctx) })
	group.Go(func() error { return s.parts.run(ctx, log, s.cluster) })
	log.Info("serving", "what", "webhook", "address", s.server.Address(), "templates", len(s.library.Current().Entries()))

	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	select {
	case err := <-done:
		return err
	case received := <-signals:
		log.Info("draining", "signal", received.String(), "for", o.drain)
	}
	readiness.fail()
	s.handler.Drain()
	s.parts.drain()
	select {
	case err := <-done:
		return err
	case <-signals:
		return errSecondSignal
	case <-time.After(o.drain):
	}
	stop()
	select {
	case err := <-done:
		log.Info("stopped")
		return err
	case <-signals:
		return errSecondSignal
	}
}
