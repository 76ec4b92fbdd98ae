// Package serve runs the admission webhook: listeners, certificates, templates, the cluster's namespaces,
// the lease for writing, and draining.
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

// Options configure Run.
type Options struct {
	// Listen is the address of the webhook. The other listeners are disabled if their address is "".
	Listen, MetricsListen, HealthListen, PprofListen string

	// Standalone serves without a cluster. Namespaces are then used as given, and every other namespace
	// counts as enabled.
	Standalone bool
	Namespaces []inject.Namespace
	// Kubeconfig and Context select the cluster as in kubectl; if both are empty inside a pod, it is the
	// pod's own.
	Kubeconfig, Context string
	// Name is the name of the installation, after which its objects in the cluster are named. If it is "",
	// nothing is written to the cluster.
	Name string

	// CertificateDir contains tls.crt and tls.key from another program. If it and Name are "", an authority
	// is created in memory, and its bundle is written to the file CAOut.
	CertificateDir, CAOut string
	// Hosts are further DNS names and IP addresses for the certificate.
	Hosts []string

	TemplateDirs []string
	// Keeper selects the work of the keeper; empty disables it.
	Keeper   []keeper.Work
	Settings *inject.Settings
	// Drain is how long requests are still answered after the signal to stop.
	Drain time.Duration
	// Debug enables the debug log, which includes rejected requests.
	Debug bool
	Build Build
}

// Build describes the build of the binary.
type Build struct {
	Version, Commit, Go string
}

// Run assembles the service and serves until a signal to stop, then drains. It logs to w. It returns an
// error if a part fails.
func Run(o *Options, w io.Writer) error {
	growHeap(growthLoading)
	// From here on a signal does not kill the process, because the API server may already send requests.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	log := newLogger(w, o.Debug)
	s, err := o.assemble(log)
	if err != nil {
		return err
	}
	if s.cluster == nil { // in a cluster, its templates are loaded later
		templatesLoaded()
	}
	return o.serve(log, signals, s)
}

// assemble creates all parts and connects them.
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

// namespaces returns the watch of the cluster's namespaces, or, without a cluster, those of the options.
func (o *Options) namespaces(c *cluster) (namespaces, error) {
	if c != nil {
		return c.watchNamespaces()
	}
	return webhook.NewStandaloneNamespaces(o.Namespaces), nil
}

// namespaces is a webhook.Namespaces that is usable while Run runs and once Synced returns true.
type namespaces interface {
	webhook.Namespaces
	Run(ctx context.Context)
	Synced() bool
}

// service holds all parts of the program.
type service struct {
	cluster    *cluster // nil if there is none
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

// errSecondSignal is returned if a second signal arrives before draining is finished.
var errSecondSignal = errors.New("stopped by a second signal before the drain was over")

// serve runs the service until a signal arrives, and then drains it.
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
