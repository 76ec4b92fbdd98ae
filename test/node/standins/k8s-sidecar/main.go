// Command k8s-sidecar stands in for kiwigrid's k8s-sidecar 2.10.1, which is not in any package registry.
//
// It is configured by the environment, as the template config-sync does, reads ConfigMaps and Secrets with
// the pod's own token, and behaves like the original in these points:
//
//   - it starts with one pass over the existing objects; /healthz answers 503 until the pass is
//     done, and 200 from then on, even if the API server fails later;
//   - with REQ_SKIP_INIT=true that pass does not call the URL, else it does if a file has changed. The
//     watch that follows finds the files unchanged and does not call it;
//   - a file whose content is the same is not written, and counts as no change; a changed file is
//     overwritten in place, not replaced by a rename;
//   - if an object is deleted while there is no watch, also between two watches, its files
//     are never removed: which files it has written is only in its memory;
//   - if the API server refuses or does not answer that first pass, it logs why and exits with code 1;
//     later errors are logged, and it tries again after ERROR_THROTTLE_SLEEP, 5 seconds;
//   - a reload URL that does not answer is retried for half a minute and then given up, with a line
//     in the log: files that were written by then do not count as changed later.
//
// Its image has a Python whose module sidecar is this program, as the original's has.
//
// Values with which the original would do something else than the template intends are refused, and so are
// variables of the original that this program does not have, and unknown variables that begin with REQ_. Keys
// that end in .url, whose content the original downloads, are an error in the log.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := runInCluster(ctx, os.Environ(), os.Stdout); err != nil && ctx.Err() == nil {
		slog.New(slog.NewJSONHandler(os.Stdout, nil)).Error(err.Error())
		os.Exit(1)
	}
}

func runInCluster(ctx context.Context, environ []string, out io.Writer) error {
	s, err := newSettings(environ)
	if err != nil {
		return err
	}
	namespace, err := os.ReadFile(namespaceFile)
	if err != nil {
		return fmt.Errorf("namespace of the pod: %w", err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	return run(ctx, s, config, strings.TrimSpace(string(namespace)), out)
}

// run copies until ctx ends or, with METHOD=LIST, once. namespace is the pod's own.
func run(ctx context.Context, s settings, config *rest.Config, namespace string, out io.Writer) error {
	client, err := corev1.NewForConfig(config)
	if err != nil {
		return err
	}
	if len(s.namespaces) == 0 {
		s.namespaces = []string{namespace}
	}
	y := newSyncer(s, client, out)
	y.log.Info("Starting collector")
	stop := serveHealth(s.healthPort, &y.ready, y.log)
	defer stop()
	if s.method == "LIST" {
		return y.pass(ctx, true)
	}
	y.log.Info("Performing initial list-based sync before starting watch.")
	if err := y.pass(ctx, !s.skipInit); err != nil {
		return err
	}
	y.ready.Store(true)
	y.log.Info("Initial sync complete, sidecar is ready.")
	y.follow(ctx)
	return nil
}
