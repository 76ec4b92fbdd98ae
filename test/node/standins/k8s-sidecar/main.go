// Command k8s-sidecar stands in for kiwigrid's k8s-sidecar 2.10.1, which no package registry
// has.
//
// It is told what to do by the environment, as the template config-sync does, reads
// ConfigMaps and Secrets with the pod's own token, and keeps these habits:
//
//   - one pass over what there is comes first; /healthz answers 503 until it is done, and
//     200 from then on, whatever the API server does;
//   - with REQ_SKIP_INIT=true that pass calls no URL. The watch that follows finds the files
//     as they are and calls none either, also after a restart of the container;
//   - a file whose content is the same is not written, and counts as no change; another is
//     written in place, not moved there;
//   - what is deleted while nobody watches, also between two watches, leaves its file for
//     ever;
//   - without the right to list it prints the API server's answer and tries again after
//     ERROR_THROTTLE_SLEEP, 5 seconds, and is never healthy; with METHOD=LIST it ends;
//   - a reload URL that does not answer is tried again a few times and then given up: files
//     that are in place by then are no change any more.
//
// A value that would make the real one do something else than the template means is
// refused, and so is a variable of the real one's that this one does not know, or one that
// begins with REQ_ and is nobody's. Keys that end in .url, whose content is downloaded, are
// an error in the log.
package main

import (
	"context"
	"fmt"
	"io"
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
		fmt.Println("k8s-sidecar:", err)
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

// run copies until ctx ends or, with METHOD=LIST, once. The namespace is the pod's own.
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
	if err := y.firstPass(ctx); err != nil {
		return err
	}
	y.ready.Store(true)
	y.log.Info("Initial sync complete, sidecar is ready.")
	y.follow(ctx)
	return nil
}
