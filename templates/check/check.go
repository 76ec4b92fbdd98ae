// Package check finds faults in what a template would add to pods, before the template is used.
//
// A template is rendered for the smallest possible pod: with the defaults and with each of its examples, as
// native sidecars and, where that makes a difference, as regular containers. Each rule is a function in a
// file of its own, with its test beside it; written and rendered list the rules.
package check

import (
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Sample is a template and the result of one rendering of it. Rules only read it.
type Sample struct {
	Template *templates.Template
	// Kubernetes is the release that the template is for; nil if unknown.
	Kubernetes *version.Version
	// Pod, App and Permissions are the result of the rendering; nil if Err is set, or if the rule runs
	// without a rendering.
	Pod, App    program.Object
	Permissions []any
	// AppVariables says how the env variables of App are joined to existing values, by index; nil if none is.
	AppVariables []program.Placement
	// Unmet are the template's validations that the sample pod does not meet.
	Unmet []program.Unmet
	// Example says that the parameters are those of an example.
	Example bool
	Err     error
	Trace   *program.Trace
	// MadeUp are the required parameters without a value in any example. Their values are placeholders.
	MadeUp []string
	// Incomplete says that a part of the template was dropped because of an error that is already reported,
	// so that a missing value is not reported again.
	Incomplete bool
	// Full says that the maximum number of reported errors has been reached.
	Full bool
}

// rule returns the findings for a sample, with line, column and path in the template.
type rule func(*Sample) []templates.Finding

// written returns the rules about the template's text, which need no rendering.
func written() []rule { return []rule{shell, keys, releases, firstTarget, siblings, references, modes} }

// rendered returns the rules about the result of one rendering. Of two findings with the same reason at the
// same place only the first is reported.
func rendered() []rule {
	return []rule{failures, demands, fields, metadata, volumes, containers, ports, namedPorts, mounts, env, resources, nodes, permissions}
}

// maxWork limits the cost of the expressions in all renderings of one check together: that of ten renderings
// of the most expensive template allowed, or of 250 of the most expensive built-in one. It takes about a
// second.
const maxWork = 10 * expression.RenderingLimit

// Check checks one template. It adds up the cost of all renderings.
type Check struct {
	template   *templates.Template
	kubernetes *version.Version
	incomplete bool
	work       uint64 // of the expressions of all renderings so far
}

// New returns the check of a template for a release of Kubernetes, nil if unknown. incomplete says that parts
// of the template did not compile and are not in its program, so that a missing value is not reported again.
func New(t *templates.Template, kubernetes *version.Version, incomplete bool) *Check {
	return &Check{template: t, kubernetes: kubernetes, incomplete: incomplete}
}

// Written returns the findings that do not depend on a rendering.
func (c *Check) Written() []templates.Finding {
	return findings(&Sample{Template: c.template, Kubernetes: c.kubernetes, Incomplete: c.incomplete}, written())
}

// Rendered renders one case and returns the findings for the result. full says that the maximum number of
// reported errors has been reached. Once the renderings have cost more than maxWork, it returns nil.
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
