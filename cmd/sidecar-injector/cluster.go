package main

import (
	"fmt"
	"os"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clusterOptions are the flags that say which cluster is meant, as in kubectl.
type clusterOptions struct {
	kubeconfig, context string
}

// loader finds the cluster as kubectl does; inside a pod it is the pod's own.
func (o *clusterOptions) loader() clientcmd.ClientConfig {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = o.kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.context}
	return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
}

func (o *clusterOptions) restConfig() (*rest.Config, error) {
	config, err := o.loader().ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("cluster: %w", err)
	}
	config.UserAgent = "sidecar-injector/" + readBuild().Version
	return config, nil
}

// ownNamespace is the one that the program runs in: POD_NAMESPACE says so, or else the
// service account's files, or else the kubeconfig's context.
func (o *clusterOptions) ownNamespace() (string, error) {
	if namespace := os.Getenv("POD_NAMESPACE"); namespace != "" {
		return namespace, nil
	}
	namespace, _, err := o.loader().Namespace()
	if err != nil {
		return "", fmt.Errorf("own namespace: %w", err)
	}
	return namespace, nil
}
