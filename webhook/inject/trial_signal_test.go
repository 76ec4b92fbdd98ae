package inject_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// A real API server with the feature gate ContainerStopSignals refuses the pods that are warned of.
func TestASignalInAPodThatDoesNotNameItsSystemIsWarnedOf(t *testing.T) {
	const head = "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: stop}\nspec:\n"
	const sidecar = "  overrides: [lifecycle]\n  pod: {spec: {initContainers: [{name: side, image: a, restartPolicy: Always, resources: {requests: {cpu: 1m, memory: 1Mi}}"
	const app, own, none = head + "  app: {lifecycle: {stopSignal: SIGUSR1}}\n", head + sidecar + ", lifecycle: {stopSignal: SIGINT}}]}}\n", head + sidecar + "}]}}\n"
	const override = `,"stop.sidecar-injector.dev/override":"lifecycle: {stopSignal: SIGINT}"`
	for _, row := range []struct{ name, template, kubernetes, annotations, spec, container, want string }{
		{"a sidecar's", own, "1.37", "", "", "", "side"},
		{"the app's", app, "1.37", "", "", "", "web"},
		{"a sidecar's by override", none, "", override, "", "", "side"},
		{"of an unknown release", own, "", "", "", "", "side"},
		{"of a release that drops it", own, "1.32", "", "", "", ""},
		{"of the first release that has it", own, "1.33", "", "", "", "side"},
		{"in a pod that names its system", own, "1.37", "", `"os":{"name":"linux"},`, "", ""},
		{"in a pod that selects its system only", own, "1.37", "", `"nodeSelector":{"kubernetes.io/os":"linux"},`, "", "side"},
		{"in a pod whose system has no name", own, "1.37", "", `"os":{"name":""},`, "", "side"},
		{"that the app has itself", app, "1.37", "", "", `,"lifecycle":{"stopSignal":"SIGINT"}`, ""},
		{"none", none, "1.37", "", "", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			settings := &inject.Settings{}
			if row.kubernetes != "" {
				settings.Kubernetes = version.MustParseGeneric(row.kubernetes)
			}
			pod := `{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":{"sidecar-injector.dev/inject":"stop"` + row.annotations +
				`}},"spec":{` + row.spec + `"containers":[{"name":"web","image":"a"` + row.container + `}]}}`
			result, err := inject.Inject(templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(row.template))), settings, &inject.Request{Pod: []byte(pod)})
			if err != nil || len(result.Faults) > 0 || result.Outcome != inject.Injected {
				t.Fatalf("%v %v %s", err, result.Faults, result.Outcome)
			}
			warned := ""
			for _, w := range result.Warnings {
				if strings.Contains(w, "os: {name: linux}") {
					warned = w
				}
			}
			if (warned == "") != (row.want == "") || !strings.Contains(warned, row.want) {
				t.Errorf("warning %q, want one of %q", warned, row.want)
			}
		})
	}
}
