//go:build controlplane

package controlplane

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"sigs.k8s.io/yaml"
)

// TestTheWorkloadIsWhatAPersonWrote reads workload.kind and workload.name in pods created by Kubernetes' own
// controllers, which name a ReplicaSet after its Deployment, and a Job after its CronJob and the minute.
func TestTheWorkloadIsWhatAPersonWrote(t *testing.T) {
	t.Parallel()
	i := startInjectorIn(t, "", "--template-dir", filepath.Join(repository, "test/golden/decision/workload-is-what-a-person-wrote/templates"))
	install(t, webhookConfiguration(t, i.url, i.ca))
	const (
		pod      = `{metadata: {labels: {app: web}, annotations: {sidecar-injector.dev/inject: who}}, spec: {%scontainers: [{name: web, image: web}]}}`
		selector = `selector: {matchLabels: {app: web}}, `
	)
	ends := fmt.Sprintf(pod, "restartPolicy: Never, ")
	runs := fmt.Sprintf(pod, "")
	for kind, row := range map[string]struct{ group, spec string }{
		"Deployment":  {"apps/v1", selector + "template: " + runs},
		"ReplicaSet":  {"apps/v1", selector + "template: " + runs},
		"StatefulSet": {"apps/v1", selector + "serviceName: web, template: " + runs},
		"DaemonSet":   {"apps/v1", selector + "template: " + runs},
		"Job":         {"batch/v1", "template: " + ends},
		"CronJob":     {"batch/v1", "schedule: '* * * * *', jobTemplate: {spec: {template: " + ends + "}}"},
		"Pod":         {"v1", "containers: [{name: web, image: web}]"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			metadata := "{name: by-hand}"
			if kind == "Pod" {
				metadata = "{name: by-hand, annotations: {sidecar-injector.dev/inject: who}}"
			}
			var o object
			must(t, yaml.Unmarshal(fmt.Appendf(nil, "{apiVersion: %s, kind: %s, metadata: %s, spec: {%s}}", row.group, kind, metadata, row.spec), &o))
			namespace := enabledNamespace(t)
			made, err := create(t.Context(), namespace, kind, o)
			must(t, err)
			got := made.object
			if kind != "Pod" {
				got, err = podWithin(t, patience+time.Minute, namespace, "") // a CronJob may start in the next minute
				must(t, err)
			}
			variable := got["spec"].(object)["containers"].([]any)[0].(object)["env"].([]any)[0].(object)
			if want := kind + "/by-hand"; variable["value"] != want {
				t.Errorf("%v, want %s", variable, want)
			}
		})
	}
}
