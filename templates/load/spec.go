package load

import (
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// template checks the spec and compiles app and pod. The template is complete only if
// nothing was reported.
func (l *Loader) template(n *yaml.Node, e *templates.Entry, r *report) *templates.Template {
	spec := decodeSpec(n)
	t := templates.Template{
		Name: e.Name, Kind: e.Kind, Namespace: e.Namespace, Origin: e.Origin,
		Spec:          spec,
		Overrides:     overrides(valueAt(n, "overrides"), spec.Overrides, r),
		FailurePolicy: failurePolicy(n, spec, r),
	}
	declared := parameters(n, spec.Parameters, r)
	supports(valueAt(n, "supports"), spec.Supports, r)
	t.PodSelector, t.NamespaceSelector = match(n, spec.Match, declared, r)
	t.Canary = canary(n, spec.Canary, e, r)
	if t.Canary != nil && templates.ValidName(spec.Canary.Of) {
		t.Name = spec.Canary.Of
	}
	c := &compiler{report: r, environment: l.compiler.Environment(templates.Declarations(declared)), parameters: declared}
	t.Containers = targets(valueAt(n, "app"), c)
	line := e.Origin.Line
	compile := sync.OnceValue(func() *program.Program {
		p := c.program(n, spec, line)
		if l.trusting {
			p.Compact()
		}
		return p
	})
	made := templates.New(t, declared, compile, l.renderings)
	if !l.trusting {
		unused(n, declared, made.Program(), r)
		checkTemplate(n, made, r)
		made.Program().Compact()
	}
	return made
}

// program compiles the sections of a spec that have expressions.
func (c *compiler) program(n *yaml.Node, spec *v1alpha1.SidecarTemplateSpec, line int) *program.Program {
	app, pod := valueAt(n, "app"), valueAt(n, "pod")
	if app == nil && pod == nil {
		c.report.fault(n, specPath(), templates.MissingField, "say in pod what is added to the pod, in app what its containers get", "spec has neither app nor pod, so it adds nothing")
	}
	p := &program.Program{Line: line}
	p.Variables = c.ownVariables(valueAt(n, "variables"), spec.Variables)
	p.Validations = c.validations(valueAt(n, "validations"), spec.Validations)
	p.App, p.Pod, p.Permissions = c.app(app), c.pod(pod), c.permissions(valueAt(n, "permissions"))
	return p.Seal()
}
