package check_test

import (
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

// loadSpec loads a template of this spec.
func loadSpec(t *testing.T, spec string) templates.Entry {
	t.Helper()
	entries := load.Load(templates.SourceDirectory, "a.yaml", []byte("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: a}\nspec: "+spec+"\n"))
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	return entries[0]
}

// inputOf is what a template is rendered with when it is loaded, but for the parameters given.
func inputOf(t *testing.T, tmpl *templates.Template, given map[string]string) *templates.Input {
	t.Helper()
	p, faults := tmpl.Bind(func(name string) (string, bool) { text, ok := given[name]; return text, ok })
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return tmpl.SampleInput(p)
}
