package check_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// loadSpec loads a template with this spec.
func loadSpec(t *testing.T, spec string) templates.Entry {
	t.Helper()
	entries := load.Load(templates.SourceDirectory, "a.yaml", []byte("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: a}\nspec: "+spec+"\n"))
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	return entries[0]
}

// inputOf returns the input with which a template is rendered when it is loaded, with the given parameters.
func inputOf(t *testing.T, tmpl *templates.Template, given map[string]string) *templates.Input {
	t.Helper()
	p, faults := tmpl.Bind(func(name string) (string, bool) { text, ok := given[name]; return text, ok })
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return tmpl.SampleInput(p)
}

// wantFindings compares the findings of each spec, as path: message [reason].
func wantFindings(t *testing.T, rows map[string][]string) {
	t.Helper()
	for spec, want := range rows {
		var got []string
		for _, f := range loadSpec(t, "{"+spec+"}").Findings {
			got = append(got, fmt.Sprintf("%s: %s [%s]", f.Path, f.Message, f.Reason))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spec, diff)
		}
	}
}

// pod returns a spec that adds a container with additional members; rest is added to the pod's spec.
func pod(container, rest string) string {
	return "pod: {spec: {containers: [{name: c, image: i, resources: {requests: {cpu: 1m, memory: 1Mi}}" + container + "}]" + rest + "}}"
}
