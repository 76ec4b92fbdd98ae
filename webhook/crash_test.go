package webhook_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// hollow returns an entry with a template without content, which panics when it is rendered.
func hollow(policy v1alpha1.FailurePolicy) templates.Entry {
	return templates.Entry{
		Name: "hollow", Kind: v1alpha1.ClusterSidecarTemplateKind, Origin: templates.Origin{Source: templates.SourceDirectory},
		Template: &templates.Template{Name: "hollow", Kind: v1alpha1.ClusterSidecarTemplateKind, FailurePolicy: policy, Spec: &v1alpha1.SidecarTemplateSpec{}},
	}
}

func TestAPanicInOneTemplateIsAFaultOfItsInstance(t *testing.T) {
	for _, policy := range []v1alpha1.FailurePolicy{v1alpha1.Fail, v1alpha1.Ignore} {
		e := newEdge(t, func(o *webhook.Options) {
			entries := load.Load(templates.SourceDirectory, "t.yaml", []byte(tail))
			o.Templates = library{templates.NewSet(append(entries, hollow(policy))), true}
			o.Settings.OnUnknownTemplate = policy
		}).serve()
		response := e.post(review(asking("hollow, tail"))).response(t)
		if response.Allowed != (policy == v1alpha1.Ignore) {
			t.Errorf("%s: allowed %v", policy, response.Allowed)
		}
		if policy == v1alpha1.Ignore && !strings.Contains(string(response.Patch), `"name":"tail"`) {
			t.Errorf("the other instance is not there: %s", response.Patch)
		}
		text := fmt.Sprint(response.Result, response.Warnings)
		if !strings.Contains(text, "rendering it ended in an internal error of the injector, whose log has the stack") || strings.Contains(text, "goroutine") {
			t.Errorf("%s: %s", policy, text)
		}
		if n := e.count("sidecar_injector_template_crashes_total", "stage", "render"); n != 1 {
			t.Errorf("%v crashes counted", n)
		}
		lines := e.logs.FilterMessage("template not rendered").All()
		if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["stack"]), "templates.(*Template).Render") {
			t.Errorf("%s: log %v", policy, lines)
		}
		if response = e.post(review(asking("tail"))).response(t); !response.Allowed || response.Patch == nil {
			t.Errorf("the next pod: %+v", response)
		}
	}
}

func TestATemplateThatCouldNotBeLoadedIsToldWithItsStack(t *testing.T) {
	e := newEdge(t, nil)
	entry := (*load.Loader)(nil).LoadResource(load.Resource{Kind: v1alpha1.ClusterSidecarTemplateKind, Name: "broken"})
	e.handler.Metrics.TellBroken(e.handler.Log, &entry)
	if n := e.count("sidecar_injector_template_crashes_total", "stage", "load"); n != 1 {
		t.Errorf("%v crashes counted", n)
	}
	lines := e.logs.FilterMessage("template not loaded").All()
	if len(lines) != 1 || lines[0].ContextMap()["template"] != "broken" || lines[0].ContextMap()["stack"] == "" {
		t.Errorf("log %v", lines)
	}
}
