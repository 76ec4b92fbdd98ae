package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/certs"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	listen, metricsListen, healthListen string

	standalone bool
	cluster    clusterOptions
	caOut      string
	hosts      []string

	templateDirs  []string
	namespaceFile string
	configFile    string
	drain         time.Duration
	logLevel      string
}

func newServeCommand(std streams) *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the admission webhook",
		Long: `Run the admission webhook: POST ` + webhook.Path + ` over HTTPS.

It watches the namespaces of the cluster that --kubeconfig names, or of the one that
it runs in. With --standalone it needs no cluster: every namespace counts as enabled
unless --namespace-file gives it.

SIGTERM drains: /readyz fails at once, requests are still answered for the time of
--drain, then the program ends. A second signal ends it at once.`,
		Example: `  sidecar-injector serve --standalone --listen 127.0.0.1:9443 --ca-out ca.crt`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(cmd); err != nil {
				return err
			}
			return o.run(std)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.listen, "listen", ":9443", "`address` of the webhook (HTTPS)")
	flags.StringVar(&o.metricsListen, "metrics-listen", ":9445", "`address` of /metrics (HTTP); empty: none")
	flags.StringVar(&o.healthListen, "health-listen", ":9444", "`address` of /healthz and /readyz (HTTP); empty: none")
	flags.BoolVar(&o.standalone, "standalone", false, "need no cluster")
	flags.StringVar(&o.cluster.kubeconfig, "kubeconfig", "", "`file` that names the cluster; inside a pod the pod's own is the default")
	flags.StringVar(&o.cluster.context, "context", "", "`context` of the kubeconfig")
	flags.StringVar(&o.caOut, "ca-out", "", "write the certificate authority's bundle to `file` (PEM)")
	flags.StringSliceVar(&o.hosts, "host", nil, "further `name` or address that the certificate is for, beside localhost; may be repeated")
	flags.StringArrayVar(&o.templateDirs, "template-dir", nil, "`directory` of templates, read again when it changes; may be repeated")
	flags.StringVar(&o.namespaceFile, "namespace-file", "", "`file` of Namespaces that count as they stand in it")
	flags.StringVar(&o.configFile, "config", "", "`file` of the injector's settings")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "how long to go on answering after SIGTERM")
	flags.StringVar(&o.logLevel, "log-level", "info", "info; or debug, which also logs requests that were turned away")
	return cmd
}

func (o *serveOptions) validate(cmd *cobra.Command) error {
	switch {
	case !o.standalone && o.namespaceFile != "":
		return &hinted{
			errors.New("--namespace-file: the cluster's own namespaces count"),
			"--standalone serves without a cluster",
		}
	case o.standalone && o.cluster != clusterOptions{}:
		return &hinted{errors.New("--standalone: no cluster is asked, so --kubeconfig and --context have no use"), seeHelp(cmd)}
	case o.drain < 0:
		return &hinted{fmt.Errorf("--drain %s: want no less than 0s", o.drain), seeHelp(cmd)}
	case o.logLevel != "info" && o.logLevel != "debug":
		return &hinted{fmt.Errorf("--log-level %q: want info or debug", o.logLevel), seeHelp(cmd)}
	}
	return nil
}

// collectLess lets the heap grow to two and a half times what is live before the
// garbage collector runs, instead of twice: a twentieth of a request's cost for 5
// MiB (docs/performance.md). Who sets GOGC knows better.
func collectLess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(150)
	}
}

// run puts everything together and serves until a signal has been heeded.
func (o *serveOptions) run(std streams) error {
	collectLess()
	// From here on a signal never just kills: the API server may already know us.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer signal.Stop(signals)

	log := newLogger(std.ErrOut, o.logLevel == "debug")
	settings, err := config.Read(o.configFile)
	if err != nil {
		return err
	}
	namespaces, err := o.namespaces()
	if err != nil {
		return err
	}
	library, err := o.loadTemplates(log)
	if err != nil {
		return err
	}
	leaf, err := o.issueCertificate()
	if err != nil {
		return err
	}

	registry := newRegistry(readBuild(), leaf.Expiry)
	registry.MustRegister(webhook.NewTemplateCollector(library, library))
	handler := webhook.NewHandler(webhook.Options{
		Templates:  library,
		Namespaces: namespaces,
		Inject:     inject.Inject,
		Settings:   settings.Settings(),
		Metrics:    webhook.NewMetrics(registry),
		Log:        log,
	})
	server, err := webhook.NewServer(o.listen, leaf.GetCertificate, handler)
	if err != nil {
		return err
	}
	return o.serve(log, signals, &service{
		library:    library,
		namespaces: namespaces,
		handler:    handler,
		server:     server,
		registry:   registry,
	})
}

// namespaces are a watch's in a cluster, and those of the file without one.
func (o *serveOptions) namespaces() (namespaces, error) {
	if !o.standalone {
		return o.cluster.watchNamespaces()
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
	library    *source.Library
	namespaces namespaces
	handler    *webhook.Handler
	server     *webhook.Server
	registry   *prometheus.Registry
}

// errSecondSignal ends the program before the drain is over.
var errSecondSignal = errors.New("stopped by a second signal before the drain was over")

// serve runs the service until a signal comes, and drains it then.
func (o *serveOptions) serve(log logr.Logger, signals <-chan os.Signal, s *service) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	readiness := &readiness{templates: s.library.Ready, namespaces: s.namespaces.Synced, certificate: s.server.Served}
	for _, side := range []struct {
		what, address string
		handler       http.Handler
	}{
		{"metrics", o.metricsListen, metricsHandler(s.registry)},
		{"health", o.healthListen, healthHandler(readiness)},
	} {
		if err := listenAndServe(ctx, group, log, side.what, side.address, side.handler); err != nil {
			return err
		}
	}
	group.Go(func() error { s.library.Run(ctx); return nil })
	group.Go(func() error { s.namespaces.Run(ctx); return nil })
	group.Go(func() error { return s.server.Run(ctx) })
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

// issueCertificate makes an authority and its serving certificate, and writes the
// bundle where the user wants it.
func (o *serveOptions) issueCertificate() (*certs.Leaf, error) {
	authority, err := certs.NewAuthority(time.Now())
	if err != nil {
		return nil, err
	}
	hosts := append([]string{"localhost", "127.0.0.1", "::1"}, o.hosts...)
	leaf, err := certs.NewLeaf(authority, hosts, time.Now)
	if err != nil {
		return nil, err
	}
	if o.caOut != "" {
		if err := writeFile(o.caOut, authority.Bundle()); err != nil {
			return nil, fmt.Errorf("certificate authority's bundle: %w", err)
		}
	}
	return leaf, nil
}
