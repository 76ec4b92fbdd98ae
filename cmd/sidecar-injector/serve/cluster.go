package serve

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// loader finds the cluster as kubectl does; inside a pod it is the pod's own.
func (o *Options) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
}

func (o *Options) restConfig() (*rest.Config, error) {
	config, err := o.loader().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	config.UserAgent = "sidecar-injector/" + o.Build.Version
	return config, nil
}

// ownNamespace is the one that the program runs in: POD_NAMESPACE says so, or else the
// service account's files, or else the kubeconfig's context.
func (o *Options) ownNamespace() (string, error) {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace, nil
	}
	namespace, _, err := o.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("own namespace: %w", err)
	}
	return namespace, nil
}

// cluster is the one that serve works for, and who serve is in it.
type cluster struct {
	name      string // of the installation; empty: nothing is written
	namespace string // the injector's own
	pod       string // the injector's own; empty outside of one
	config    *rest.Config
	client    kubernetes.Interface
}

// connect finds the cluster. It asks it nothing yet.
func (o *Options) connect() (*cluster, error) {
	config, err := o.restConfig()
	if err != nil {
		return nil, err
	}
	// A pod waits for each request, and the API server limits its callers itself.
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	namespace, err := o.ownNamespace()
	if err != nil {
		return nil, err
	}
	return &cluster{name: o.Name, namespace: namespace, pod: os.Getenv("POD_NAME"), config: config, client: client}, nil
}

// releaseTime is how long the start waits for the API server to tell its release.
const releaseTime = 2 * time.Second

// release is that of the API server, nil where it does not answer. It is asked once: after an upgrade of the
// cluster templates are checked for the release before until the program starts anew.
func (c *cluster) release(log logr.Logger) *version.Version {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTime)
	defer cancel()
	info, err := discovery.ToDiscoveryInterfaceWithContext(c.client.Discovery()).ServerVersionWithContext(ctx)
	if err != nil {
		log.Error(err, "the API server does not tell its version; nothing in templates counts as too new for it")
		return nil
	}
	known, err := version.ParseGeneric(info.GitVersion)
	if err != nil {
		log.Error(err, "version of the API server", "version", info.GitVersion)
		return nil
	}
	return known
}

// watchNamespaces prepares the watch of the cluster's namespaces.
func (c *cluster) watchNamespaces() (*webhook.WatchedNamespaces, error) {
	client, err := metadata.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return webhook.NewWatchedNamespaces(client)
}
