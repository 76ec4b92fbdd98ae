package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/klog/v2"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
)

// completionTime bounds the time that a completion may wait for the cluster.
const completionTime = 3 * time.Second

// completeExplain completes kinds, names of objects, and reasons.
func (o *explainOptions) completeExplain(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	offered, directive := o.completeObjects(cmd, args, toComplete)
	if strings.Contains(toComplete, "/") || len(args) > 0 {
		return offered, directive
	}
	reasons := explain.ReasonNames()
	if toComplete == "" || slices.ContainsFunc(reasons, func(name string) bool { return strings.HasPrefix(name, toComplete) }) {
		directive &^= cobra.ShellCompDirectiveNoSpace
	}
	return append(reasons, offered...), directive
}

// completeObjects completes kinds and, after a kind and a slash, names of objects in the cluster.
func (o *offlineFlags) completeObjects(cmd *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if kind, _, slash := strings.Cut(toComplete, "/"); slash {
		return o.objectNames(cmd.Context(), kind), cobra.ShellCompDirectiveNoFileComp
	}
	var kinds []string
	for _, kind := range podKinds() {
		kinds = append(kinds, strings.ToLower(kind)+"/")
	}
	return kinds, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace // a name follows the slash
}

// objectNames returns kind/name of the objects of a kind in the namespace that the flags select.
func (o *offlineFlags) objectNames(ctx context.Context, kind string) []string {
	namespace, err := o.currentNamespace()
	if err != nil {
		return nil
	}
	names := o.clusterNames(ctx, namespace, kind)
	for i, name := range names {
		names[i] = kind + "/" + name
	}
	return names
}

// completeNamespaces completes the names of the cluster's namespaces.
func (c *commonFlags) completeNamespaces(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return c.clusterNames(cmd.Context(), "", "namespaces"), cobra.ShellCompDirectiveNoFileComp
}

// completeContexts completes the names of the kubeconfig's contexts.
func (c *commonFlags) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	known, err := c.cluster.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return slices.Sorted(maps.Keys(known.Contexts)), cobra.ShellCompDirectiveNoFileComp
}

// completeDirectories makes the shell complete directories for every flag whose usage says that it takes
// one.
func completeDirectories(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if takes, _ := pflag.UnquoteUsage(f); takes == "directory" {
			_ = cmd.MarkFlagDirname(f.Name) // it fails only for an unknown flag
		}
	})
	for _, sub := range cmd.Commands() {
		completeDirectories(sub)
	}
}

// clusterNames returns the names of the objects of a kind; none if there is no cluster, no permission, or
// no answer within completionTime.
func (c *commonFlags) clusterNames(ctx context.Context, namespace, kind string) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	klog.SetLogger(logr.Discard()) // client-go's log output would appear in the command line being completed
	c.timeout = min(c.timeout, answerTime(completionTime))
	if c.timeout == 0 {
		c.timeout = answerTime(completionTime)
	}
	found := make(chan []string, 1)
	go func() {
		infos, err := resource.NewBuilder(c.cluster).Unstructured().NamespaceParam(namespace).DefaultNamespace().
			ResourceTypeOrNameArgs(true, kind).RequestChunksOf(500).Flatten().Do().Infos()
		if err != nil {
			infos = nil
		}
		var names []string
		for _, info := range infos {
			names = append(names, info.Name)
		}
		found <- names
	}()
	select {
	case names := <-found:
		return names
	case <-ctx.Done():
	case <-time.After(completionTime):
	}
	return nil
}
