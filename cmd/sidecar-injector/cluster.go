package main

import (
	"fmt"

	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// clusterOptions are the flags that say which cluster is meant, as in kubectl.
type clusterOptions struct {
	kubeconfig, context string
}

// restConfig finds the cluster as kubectl does; inside a pod it is the pod's own.
func (o *clusterOptions) restConfig() (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	config.UserAgent = "sidecar-injector/" + readBuild().Version
	return config, nil
}

// watchNamespaces prepares the watch of a cluster's namespaces.
func (o *clusterOptions) watchNamespaces() (*webhook.WatchedNamespaces, error) {
	config, err := o.restConfig()
	if err != nil {
		return nil, err
	}
	// A pod waits for each request, and the API server limits its callers itself.
	config.QPS = -1
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	return webhook.NewWatchedNamespaces(client)
}
