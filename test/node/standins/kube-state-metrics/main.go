// Command kube-state-metrics stands in for kube-state-metrics 2.17, which is not in any package registry.
//
// It has the flags that its chart passes, watches pods with its own token, and exposes their usual metrics at
// /metrics. /healthz reports that the process runs, /livez and /readyz return the API server's state, and a
// second port has the process's own metrics. Without the right to list pods it keeps retrying and exposes no
// metrics.
//
// --resources may name all resources that the original has; only pods have metrics here. Unknown flags and
// resources are refused, and so are flags of the original that the chart does not set by default.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := runInCluster(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "kube-state-metrics:", err)
		os.Exit(1)
	}
}

func runInCluster(ctx context.Context, args []string) error {
	s, err := newSettings(args)
	if err != nil {
		return err
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	return run(ctx, s, config)
}

// run serves until ctx ends.
func run(ctx context.Context, s settings, config *rest.Config) error {
	client, err := corev1.NewForConfig(config)
	if err != nil {
		return err
	}
	pods := follow(ctx, s, client.RESTClient())
	metrics, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	telemetry, err := net.Listen("tcp", s.telemetryAddress)
	if err != nil {
		return errors.Join(err, metrics.Close())
	}
	public := &http.Server{Handler: newHandler(pods, client.RESTClient())}
	own := &http.Server{Handler: newTelemetry()}
	ended := make(chan error, 2)
	go func() { ended <- public.Serve(metrics) }()
	go func() { ended <- own.Serve(telemetry) }()
	select {
	case <-ctx.Done():
		return errors.Join(public.Close(), own.Close())
	case err := <-ended:
		return err
	}
}

// follow keeps a store of the pods of each namespace until ctx ends.
func follow(ctx context.Context, s settings, client cache.Getter) (stores []cache.Store) {
	if !s.pods {
		return nil
	}
	for _, namespace := range s.namespaces {
		store := cache.NewStore(cache.MetaNamespaceKeyFunc)
		source := cache.NewListWatchFromClient(client, "pods", namespace, fields.Everything())
		go cache.NewReflector(source, &v1.Pod{}, store, 0).RunWithContext(ctx)
		stores = append(stores, store)
	}
	return stores
}
