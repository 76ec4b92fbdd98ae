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

// loader returns the client configuration, found as kubectl does; inside a pod it is the pod's own.
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

// ownNamespace returns the namespace that the program runs in: POD_NAMESPACE, else that of the service
// account's files or of the kubeconfig's context.
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

// cluster is the cluster that serve works for, and the identity of this replica in it.
type cluster struct {
	name      string // name of the installation; "": nothing is written to the cluster
	namespace string // the injector's own
	pod       string // name of the injector's own pod; "" outside of a pod
	config    *rest.Config
	client    kubernetes.Interface
}

// connect creates the client. It does not contact the API server.
func (o *Options) connect() (*cluster, error) {
	config, err := o.restConfig()
	if err != nil {
		return nil, err
	}
	// Do not throttle requests on the client side: pods wait for some of them, and the API server has its
	// own limits.
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

// releaseTime bounds the wait for the API server's version at the start.
const releaseTime = 2 * time.Second

// release returns the version of the API server, nil if it does not answer. It is read once: after an
// upgrade of the cluster, templates are checked against the old version until the program is restarted.
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

// watchNamespaces creates the watch of the cluster's namespaces.
func (c *cluster) watchNamespaces() (*webhook.WatchedNamespaces, error) {
	client, err := metadata.NewForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return webhook.NewWatchedNamespaces(client)
}
