package templates_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
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

// brokenPod panics when an expression reads more of the pod than its name and namespace.
type brokenPod struct{ testPod }

func (brokenPod) Object() (map[string]any, error) { panic("a pod that cannot be read") }
func (brokenPod) Raw([]string) []byte             { return []byte("{}") }

// unreadablePod panics when the cache key of a rendering is computed from its bytes.
type unreadablePod struct{ testPod }

func (unreadablePod) Raw([]string) []byte { panic("a pod that cannot be read") }

func TestAPanicWhileRenderingIsAnErrorOfTheTemplate(t *testing.T) {
	permissions := "  permissions:\n  - {apiGroups: [\"\"], resources: [pods], verbs: [get], resourceNames: [\"${pod.spec.nodeName}\"]}\n"
	text := strings.Replace(twoDocuments, "---", permissions+"---", 1)
	entries := load.Load(templates.SourceDirectory, "a.yaml", []byte(text))
	if entries[0].Template == nil {
		t.Fatalf("%+v", entries[0])
	}
	for name, pod := range map[string]templates.PodReader{"in an expression": brokenPod{testPod{namespace: "default"}}, "before it": unreadablePod{testPod{namespace: "default"}}} {
		tmpl := entries[0].Template
		in := sampleOf(tmpl)
		in.Pod = pod
		_, err := tmpl.Render(in)
		wantPanic(t, name+", rendered", err)
		if name == "before it" {
			continue // permissions are not cached
		}
		_, _, err = tmpl.Permissions(in)
		wantPanic(t, name+", permissions", err)
	}
	if other := entries[1].Template; other.UsualPermissions() != nil {
		t.Error("permissions from nothing")
	} else if _, err := other.Render(sampleOf(other)); err != nil {
		t.Errorf("the other template: %s", err)
	}
}

func wantPanic(t *testing.T, what string, err error) {
	t.Helper()
	fault, ok := err.(*program.Error)
	if !ok || !strings.HasPrefix(fault.Stack, "panic: a pod that cannot be read") || fault.File != "a.yaml" || fault.Line != 1 {
		t.Errorf("%s: %+v", what, err)
		return
	}
	if want := "a.yaml:1:1: spec: rendering it ended in an internal error of the injector, whose log has the stack"; err.Error() != want {
		t.Errorf("%s: %s", what, err)
	}
}

// sampleOf returns the input with which a template is rendered when it is loaded.
func sampleOf(tmpl *templates.Template) *templates.Input {
	parameters, _ := tmpl.Bind(nil)
	return tmpl.SampleInput(parameters)
}
