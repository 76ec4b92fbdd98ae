package load

import (
	"strings"
	"testing"
	"weak"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

const twoDocuments = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: first}
spec:
  match: {podSelector: {}}
  pod: {metadata: {labels: {a: "${pod.spec.nodeName}"}}}
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: other}
spec:
  pod: {metadata: {labels: {c: d}}}
`

// spoiled returns a loader whose cached template for the first document's spec is empty.
func spoiled(t *testing.T) *Loader {
	t.Helper()
	loader := NewLoader()
	first, _, _ := strings.Cut(strings.Replace(twoDocuments, `"${pod.spec.nodeName}"`, "b", 1), "---")
	good := loader.Load(templates.SourceDirectory, "a.yaml", []byte(first))
	if len(good) != 1 || len(good[0].Findings) > 0 {
		t.Fatalf("%+v", good)
	}
	empty := &templates.Template{}
	t.Cleanup(func() { _ = empty.Name }) // the cache holds it weakly
	for key := range loader.shared.specs {
		loader.shared.specs[key] = weak.Make(empty)
	}
	return loader
}

func TestAPanicCostsTheTemplateItIsIn(t *testing.T) {
	loader := spoiled(t)
	entries := loader.Load(templates.SourceDirectory, "a.yaml", []byte(strings.Replace(twoDocuments, `"${pod.spec.nodeName}"`, "b", 1)))
	if len(entries) != 2 {
		t.Fatalf("%+v", entries)
	}
	first, other := entries[0], entries[1]
	if first.Template != nil || first.Name != "first" || len(first.Findings) != 1 {
		t.Fatalf("the template with the panic: %+v", first)
	}
	f := first.Findings[0]
	if f.Reason != templates.InternalError || f.Severity != templates.SeverityError || f.File != "a.yaml" || f.Line != 1 || !strings.Contains(f.Stack, "copyOf") {
		t.Errorf("finding %+v", f)
	}
	if strings.Contains(f.String()+f.Detail()+f.Excerpt, "goroutine") {
		t.Errorf("the stack is shown: %s", f)
	}
	if other.Template == nil || len(other.Findings) != 0 {
		t.Errorf("the other template: %+v", other)
	}
}

func TestAPanicCostsTheResourceItIsIn(t *testing.T) {
	loader := NewLoader()
	loader.compiler = nil
	for name, r := range map[string]Resource{
		"a stage":   {Kind: "ClusterSidecarTemplate", Name: "a", Content: []byte(`{"spec":{"pod":{"metadata":{"labels":{"a":"${instance}"}}}},"apiVersion":"sidecar-injector.dev/v1alpha1","kind":"ClusterSidecarTemplate"}`)},
		"no loader": {Kind: "ClusterSidecarTemplate", Name: "a"},
	} {
		if name == "no loader" {
			loader = nil
		}
		entry := loader.LoadResource(r)
		if entry.Template != nil || len(entry.Findings) != 1 || entry.Findings[0].Reason != templates.InternalError || entry.Findings[0].Stack == "" {
			t.Errorf("%s: %+v", name, entry)
		}
		loader = NewLoader()
		loader.compiler = nil
	}
}

func TestAPanicInAFileIsAFindingOfTheFile(t *testing.T) {
	var l *Loader
	stack := templates.Contain(func() { l.shared.find(specKey{}) })
	if !strings.HasPrefix(stack, "panic: ") || !strings.Contains(stack, "goroutine") {
		t.Errorf("stack %q", stack)
	}
	if f := internalError(templates.Origin{File: "a.yaml", Line: 1}, stack); f.Line != 1 || f.Column != 1 || f.Stack != stack {
		t.Errorf("finding %+v", f)
	}
}
