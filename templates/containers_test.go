package templates_test

import (
	"fmt"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

func TestATemplateKnowsItsContainers(t *testing.T) {
	const rest = "image: a, resources: {requests: {cpu: 1m, memory: 1Mi}}"
	for spec, want := range map[string]string{
		"{metadata: {labels: {a: b}}}":                                                                                        "[] false false",
		"{spec: {containers: [{name: a, " + rest + "}]}}":                                                                     "[a] true false",
		"{spec: {initContainers: [{name: a, " + rest + "}]}}":                                                                 "[a] false false",
		"{spec: {initContainers: [{name: a, restartPolicy: Always, " + rest + "}]}}":                                          "[a] false true",
		`{spec: {initContainers: [{name: "a-${instance}", restartPolicy: "${native ? 'Always' : 'Always'}", ` + rest + "}]}}": "[a-${instance}] false true",
		`{spec: {initContainers: [{$when: "${native}", name: b, ` + rest + "}], containers: [{name: c, " + rest + "}]}}":      "[b c] true false",
	} {
		tmpl := valid(t, templates.SourceBuiltIn, clusterKind, "", "a", "{pod: "+spec+"}").Template
		if got := fmt.Sprint(tmpl.ContainerNames(), tmpl.HasContainers(), tmpl.HasSidecars()); got != want {
			t.Errorf("%s: got %s, want %s", spec, got, want)
		}
	}
}
