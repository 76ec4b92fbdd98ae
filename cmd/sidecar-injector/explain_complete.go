package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/explain"
)

// completionTime is how long the shell may wait for names of the cluster.
const completionTime = 3 * time.Second

// completeExplain offers reasons as well.
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

// completeObjects offers kinds, and behind a kind's slash the names of the cluster.
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

// objectNames are kind/name of the objects of a kind in the namespace that the flags mean; none where
// there is no cluster, no right, or no answer in time.
func (o *offlineFlags) objectNames(ctx context.Context, kind string) []string {
	if ctx == nil {
		ctx = context.Background()
	}
	o.timeout = min(o.timeout, answerTime(completionTime))
	if o.timeout == 0 {
		o.timeout = answerTime(completionTime)
	}
	namespace, err := o.currentNamespace()
	if err != nil {
		return nil
	}
	found := make(chan []string, 1)
	go func() {
		infos, err := resource.NewBuilder(o.cluster).Unstructured().NamespaceParam(namespace).DefaultNamespace().
			ResourceTypeOrNameArgs(true, kind).RequestChunksOf(500).Flatten().Do().Infos()
		if err != nil {
			infos = nil
		}
		var names []string
		for _, info := range infos {
			names = append(names, kind+"/"+info.Name)
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
