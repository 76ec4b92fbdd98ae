package templates

import (
	"strings"
	"testing"
	"weak"
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

// spoiled is a loader in which what it knows of the first document's spec has no content.
func spoiled(t *testing.T) *Loader {
	t.Helper()
	loader := NewLoader()
	first, _, _ := strings.Cut(strings.Replace(twoDocuments, `"${pod.spec.nodeName}"`, "b", 1), "---")
	good := loader.Load(SourceDirectory, "a.yaml", []byte(first))
	if len(good) != 1 || len(good[0].Findings) > 0 {
		t.Fatalf("%+v", good)
	}
	empty := &Template{}
	t.Cleanup(func() { _ = empty.Name }) // it is held weakly
	for key := range loader.shared.specs {
		loader.shared.specs[key] = weak.Make(empty)
	}
	return loader
}

func TestAPanicCostsTheTemplateItIsIn(t *testing.T) {
	loader := spoiled(t)
	entries := loader.Load(SourceDirectory, "a.yaml", []byte(strings.Replace(twoDocuments, `"${pod.spec.nodeName}"`, "b", 1)))
	if len(entries) != 2 {
		t.Fatalf("%+v", entries)
	}
	first, other := entries[0], entries[1]
	if first.Template != nil || first.Name != "first" || len(first.Findings) != 1 {
		t.Fatalf("the template with the panic: %+v", first)
	}
	f := first.Findings[0]
	if f.Reason != InternalError || f.Severity != SeverityError || f.File != "a.yaml" || f.Line != 1 || !strings.Contains(f.Stack, "copyOf") {
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
		if entry.Template != nil || len(entry.Findings) != 1 || entry.Findings[0].Reason != InternalError || entry.Findings[0].Stack == "" {
			t.Errorf("%s: %+v", name, entry)
		}
		loader = NewLoader()
		loader.compiler = nil
	}
}

func TestAPanicInAFileIsAFindingOfTheFile(t *testing.T) {
	var loader *Loader
	l := &fileLoader{Loader: loader, file: "a.yaml"}
	stack := contain(func() { l.shared.find(specKey{}) })
	if !strings.HasPrefix(stack, "panic: ") || !strings.Contains(stack, "goroutine") {
		t.Errorf("stack %q", stack)
	}
	if f := internalError(Origin{File: "a.yaml", Line: 1}, stack); f.Line != 1 || f.Column != 1 || f.Stack != stack {
		t.Errorf("finding %+v", f)
	}
}

// brokenPod panics when an expression reads more of the pod than its name.
type brokenPod struct{ samplePod }

func (brokenPod) Object() (map[string]any, error) { panic("a pod that cannot be read") }
func (brokenPod) Raw([]string) []byte             { return []byte("{}") }

// unreadablePod panics when the injector asks for the bytes that a rendering is kept under.
type unreadablePod struct{ samplePod }

func (unreadablePod) Raw([]string) []byte { panic("a pod that cannot be read") }

func TestAPanicWhileRenderingIsAnErrorOfTheTemplate(t *testing.T) {
	permissions := "  permissions:\n  - {apiGroups: [\"\"], resources: [pods], verbs: [get], resourceNames: [\"${pod.spec.nodeName}\"]}\n"
	text := strings.Replace(twoDocuments, "---", permissions+"---", 1)
	entries := Load(SourceDirectory, "a.yaml", []byte(text))
	if entries[0].Template == nil {
		t.Fatalf("%+v", entries[0])
	}
	for name, pod := range map[string]PodReader{"in an expression": brokenPod{}, "before it": unreadablePod{}} {
		tmpl := entries[0].Template
		in := tmpl.sampleInput(tmpl.defaults)
		in.Pod = pod
		_, err := tmpl.Render(in)
		check(t, name+", rendered", err)
		if name == "before it" {
			continue // permissions are not kept
		}
		_, _, err = tmpl.Permissions(in)
		check(t, name+", permissions", err)
	}
	if other := entries[1].Template; other.UsualPermissions() != nil {
		t.Error("permissions from nothing")
	} else if _, err := other.Render(other.sampleInput(other.defaults)); err != nil {
		t.Errorf("the other template: %s", err)
	}
}

func check(t *testing.T, what string, err error) {
	t.Helper()
	fault, ok := err.(*RenderError)
	if !ok || !strings.HasPrefix(fault.Stack, "panic: a pod that cannot be read") || fault.File != "a.yaml" || fault.Line != 1 {
		t.Errorf("%s: %+v", what, err)
		return
	}
	if want := "a.yaml:1:1: spec: rendering it ended in an internal error of the injector, whose log has the stack"; err.Error() != want {
		t.Errorf("%s: %s", what, err)
	}
}

func TestContainersWithoutPlacementsAreTakenApart(t *testing.T) {
	r := &Rendered{Pod: Object{{Name: "spec", Value: Object{
		{Name: "initContainers", Value: []any{Object{{Name: "name", Value: "a"}}}},
		{Name: "containers", Value: []any{Object{{Name: "name", Value: "b"}}, "no container"}},
	}}}}
	r.finish()
	if len(r.Parts.Init) != 1 || len(r.Parts.Regular) != 2 || r.Parts.Init[0].Name != "a" {
		t.Errorf("%+v", r.Parts)
	}
}
