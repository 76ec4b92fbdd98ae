package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/playground"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// clusterOf returns the playground's cluster for a kubeconfig.
func clusterOf(t *testing.T, kubeconfig string) (*playgroundCluster, *playground.Engine) {
	t.Helper()
	given, err := playground.BuiltIn()
	must(t, err)
	engine, flags := playground.NewEngine(given, &inject.Settings{}), &fleetFlags{}
	cmd := &cobra.Command{}
	flags.add(cmd)
	must(t, cmd.Flags().Parse([]string{"--kubeconfig", kubeconfig}))
	cluster, err := newPlaygroundCluster(flags, engine)
	must(t, err)
	return cluster, engine
}

func TestThePlaygroundShowsAndOpensWhatAClusterHas(t *testing.T) {
	running := map[string]any{"running": map[string]any{}}
	pod := collected(t, "web-1", 1000, statusOf("Running", true, 0, running, nil))
	cluster, engine := clusterOf(t, smallCluster(t, map[string]map[string]any{"web-1": pod}, nil))
	if cluster.Name() != "c" {
		t.Errorf("the cluster is called %q", cluster.Name())
	}
	fleet, err := cluster.Fleet(t.Context())
	must(t, err)
	if len(fleet.Rows) != 1 || fleet.Rows[0].String() != "pod/web-1" || fleet.Rows[0].Template != "log-collector" {
		t.Fatalf("rows %+v", fleet.Rows)
	}
	for _, of := range []struct{ namespace, name, verdict string }{
		{"shop", "pod/web-1", "READY 2/2: 1 container of the app and 1 sidecar that sidecar-injector added."},
		{"", "rc/web", "READY 2/2: 1 container of the app and 1 sidecar that sidecar-injector adds."},
	} {
		request, err := cluster.Object(t.Context(), of.namespace, of.name)
		must(t, err)
		if !strings.Contains(request.Namespace, "name: shop") {
			t.Errorf("%s: namespace %q", of.name, request.Namespace)
		}
		answer := engine.Answer(t.Context(), request)
		if len(answer.Pods) != 1 || answer.Pods[0].Verdict != of.verdict || len(answer.Findings) > 0 {
			t.Errorf("%s: %+v\n%s", of.name, answer, request.Pod)
		}
	}
	for name, want := range map[string]string{"web": "name a pod or workload as kubectl does", "a/b/c": "name a pod or workload", "namespace/shop": "cluster: ", "/": "name a pod or workload"} {
		if _, err := cluster.Object(t.Context(), "shop", name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
