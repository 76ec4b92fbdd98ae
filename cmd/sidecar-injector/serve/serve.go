// Package serve runs the admission webhook: listeners, certificates, templates and namespaces of a cluster, the
// lease of the replica that writes, and the drain at the end.
package serve

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/keeper"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Options say what is served, where, and for whom.
type Options struct {
	// Listen is the address of the webhook. Of the other listeners an empty address is none.
	Listen, MetricsListen, HealthListen, PprofListen string

	// Standalone serves without a cluster; Namespaces are then those that do not just count as enabled.
	Standalone bool
	Namespaces []inject.Namespace
	// Kubeconfig and Context name the cluster as in kubectl; without them it is that of the pod.
	Kubeconfig, Context string
	// Name is that of the installation, of which its objects in the cluster have theirs; nothing
	// in the cluster is written without it.
	Name string

	// CertificateDir has tls.crt and tls.key that are made elsewhere. Without it, and without a
	// Name, an authority is made in memory; its bundle is written to the file CAOut.
	CertificateDir, CAOut string
	// Hosts are further names and addresses that the certificate is for.
	Hosts []string

	TemplateDirs []string
	// Keeper says how the fleet is looked after; empty: not at all.
	Keeper   []keeper.Work
	Settings *inject.Settings
	// Drain is how long requests are still answered after a signal.
	Drain time.Duration
	// Debug also logs requests that were turned away.
	Debug bool
	Build Build
}

// Build says what the binary was made from.
type Build struct {
	Version, Commit, Go string
}

// Run puts everything together and serves until a signal has been heeded. It logs to w.
func Run(o *Options, w io.Writer) error {
	growHeap(growthLoading)
	// From here on a signal never just kills: the API server may already know us.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	log := newLogger(w, o.Debug)
	s, err := o.assemble(log)
	if err != nil {
		return err
	}
	if s.cluster == nil { // else its templates are still to come
		templatesLoaded()
	}
	return o.serve(log, signals, s)
}

// assemble makes all parts and ties them together.
func (o *Options) assemble(log logr.Logger) (_ *service, err error) {
	s := &service{}
	if !o.Standalone {
		if s.cluster, err = o.connect(); err != nil {
			return nil, err
		}
	}
	s.settings = o.Settings
	if s.cluster != nil {
		known := *o.Settings
		known.Kubernetes = s.cluster.release(log)
		s.settings = &known
	}
	if s.namespaces, err = o.namespaces(s.cluster); err != nil {
		return nil, err
	}
	s.registry = newRegistry(o.Build)
	s.metrics = webhook.NewMetrics(s.registry)
	if err := o.addTemplates(log, s); err != nil {
		return nil, err
	}
	s.registry.MustRegister(webhook.NewTemplateCollector(s.library, s.library, s.metrics))
	var access webhook.AccessReviewer
	if s.cluster != nil {
		access = webhook.NewCachedReviewer(s.cluster.client.AuthorizationV1().SubjectAccessReviews())
	}
	s.handler = webhook.NewHandler(webhook.Options{
		Templates:  s.library,
		Namespaces: s.namespaces,
		Inject:     inject.Inject,
		Settings:   s.settings,
		Metrics:    s.metrics,
		Log:        log,
		Access:     access,
	})
	if err := o.addParts(log, s); err != nil {
		return nil, err
	}
	certificate, err := o.addCertificate(log, s)
	if err != nil {
		return nil, err
	}
	s.server, err = webhook.NewServer(o.Listen, certificate.GetCertificate, s.handler, s.handlers)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// namespaces are a watch's in a cluster, and those of the file without one.
func (o *Options) namespaces(c *cluster) (namespaces, error) {
	if c != nil {
		return c.watchNamespaces()
	}
	return webhook.NewStandaloneNamespaces(o.Namespaces), nil
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
func (o *Options) serve(log logr.Logger, signals <-chan os.Signal, s *service) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	readiness := &readiness{templates: s.library.Ready, namespaces: s.namespaces.Synced, certificate: s.server.Served, further: s.checks}
	for _, side := range []struct {
		what, address string
		handler       http.Handler
	}{
		{"metrics", o.MetricsListen, metricsHandler(s.registry)},
		{"health", o.HealthListen, healthHandler(readiness)},
		{"pprof", o.PprofListen, pprofHandler()},
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
		log.Info("draining", "signal", received.String(), "for", o.Drain)
	}
	readiness.fail()
	s.handler.Drain()
	s.parts.drain()
	select {
	case err := <-done:
		return err
	case <-signals:
		return errSecondSignal
	case <-time.After(o.Drain):
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
