// Package check looks at what a template would add to pods, before one meets it.
//
// A template is rendered for a pod as small as a pod can be: with the defaults and with each of
// its examples, as native sidecars and, where that makes a difference, as regular containers.
// Each rule is a function in a file of its own, with what it refuses at its top and its test
// beside it; written and rendered list them.
package check

import (
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Sample is a template and what one rendering of it gives. Rules read it and change nothing.
type Sample struct {
	Template *templates.Template
	// Kubernetes is the release that the template is for; nil where nobody knows.
	Kubernetes *version.Version
	// Pod, App and Permissions are what was rendered; all are nil where Err is set, and before
	// anything is.
	Pod, App    program.Object
	Permissions []any
	// AppVariables says how the variables of App are joined, by index; nil where there is nothing to say.
	AppVariables []program.Placement
	// Unmet are the validations that the pod does not meet.
	Unmet []program.Unmet
	// Example says that the parameters are those of an example.
	Example bool
	Err     error
	Trace   *program.Trace
	// MadeUp are the required parameters without an example, whose values mean nothing.
	MadeUp []string
	// Incomplete says that something was dropped and has been reported: what is
	// missing then says nothing.
	Incomplete bool
	// Full says that as many errors were found as are told.
	Full bool
}

// rule gives what is wrong with a sample, with line, column and path of the place in the template.
type rule func(*Sample) []templates.Finding

// written are the rules about what the template says, whatever it is rendered with.
func written() []rule { return []rule{shell, keys, releases, firstTarget} }

// rendered are the rules about what one rendering gives. Of two findings of one reason at one
// place the first is told.
func rendered() []rule {
	return []rule{failures, demands, fields, metadata, volumes, containers, ports, mounts, env, resources, permissions}
}

// maxWork bounds the expressions of all renderings of one load together: the work of ten
// renderings of the dearest template, or 250 of the dearest built-in one. About a second.
const maxWork = 10 * expression.RenderingLimit

// Check is the check of one template.
type Check struct {
	template   *templates.Template
	kubernetes *version.Version
	incomplete bool
	work       uint64 // of the expressions of all renderings so far
}

// New begins the check of a template that is for a release of Kubernetes, nil where nobody knows. incomplete says that parts of it could not be compiled,
// and are not in its program: what is missing then says nothing.
func New(t *templates.Template, kubernetes *version.Version, incomplete bool) *Check {
	return &Check{template: t, kubernetes: kubernetes, incomplete: incomplete}
}

// Written gives what is wrong with the template whatever it is rendered with.
func (c *Check) Written() []templates.Finding {
	return findings(&Sample{Template: c.template, Kubernetes: c.kubernetes, Incomplete: c.incomplete}, written())
}

// Rendered gives what is wrong with the rendering of one case. full says that as many errors were
// found as are told.
func (c *Check) Rendered(in *Case, full bool) []templates.Finding {
	if c.work > maxWork {
		return nil
	}
	s := &Sample{Template: c.template, MadeUp: in.madeUp, Example: in.example != "", Full: full, Trace: program.NewTrace()}
	input := c.template.SampleInput(in.Parameters)
	input.Native = in.Native
	e := c.template.Program().Evaluation(input.Activation(), s.Trace)
	var added program.Additions
	unmet, err := e.Validations()
	if err == nil {
		added, err = e.Additions()
	}
	if err == nil {
		s.Permissions, err = e.Permissions()
	}
	if s.Err = err; err != nil {
		s.Permissions = nil
	} else {
		s.Pod, s.App, s.AppVariables, s.Unmet = added.Pod, added.App.Fields, added.App.Variables, unmet
	}
	s.Incomplete = c.incomplete || len(s.Trace.Failed) > 0
	all := findings(s, rendered())
	for i := range all {
		all[i].Message += in.suffix()
	}
	if c.work += e.Cost(); c.work > maxWork {
		spent := found{}
		spent.fault(program.Place{At: schema.Root("spec").Member("examples")}, templates.ExpressionCost, "drop examples or make the expressions cheaper",
			"the expressions of all renderings, one for each example, take more than %d units of work", maxWork)
		all = append(spent.list, all...)
	}
	return all
}

func findings(s *Sample, rules []rule) []templates.Finding {
	var all []templates.Finding
	for _, r := range rules {
		all = append(all, r(s)...)
	}
	return all
}
