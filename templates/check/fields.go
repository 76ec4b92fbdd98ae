package check

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// fields reports objects that the API server would refuse: those that lack a required field, have two
// mutually exclusive fields, or hold a value that is not allowed.
func fields(s *Sample) []templates.Finding {
	var found found
	shapes := shape.Template()
	found.unmet(s, requirement.Check(s.Pod, shapes.Pod, podPath()))
	found.unmet(s, requirement.Check(s.App, shapes.App, appPath()))
	return found.list
}

func (f *found) unmet(s *Sample, all []requirement.Unmet) {
	for _, wrong := range all {
		if !wrong.Missing && s.guarded(s.place(wrong.At)) {
			continue
		}
		switch {
		case !wrong.Missing:
			f.fault(s.place(wrong.At), templates.BadValue, wrong.Hint, "%s", wrong.Message)
		case !s.Incomplete:
			f.fault(s.place(wrong.At), templates.MissingField, wrong.Hint, "%s", wrong.Message)
		}
	}
}

// guarded reports whether a value is made of what the template's validations refuse in the sample pod, or in the
// parameters: no pod gets it.
func (s *Sample) guarded(where program.Place) bool {
	node := s.Trace.Nodes[where]
	if node == nil {
		return false
	}
	reads := node.Reads()
	return slices.ContainsFunc(s.Unmet, func(u program.Unmet) bool {
		return !u.Warns && overlap(reads, u.Expression.Reads())
	})
}

// overlap reports whether two expressions read the same parameter, or the same part of the pod.
func overlap(a, b expression.Uses) bool {
	return slices.ContainsFunc(a.Parameters, func(name string) bool { return slices.Contains(b.Parameters, name) }) ||
		slices.ContainsFunc(a.Paths, func(p expression.Path) bool {
			return slices.ContainsFunc(b.Paths, func(q expression.Path) bool {
				shared := min(len(p.Fields), len(q.Fields))
				return p.Root == q.Root && slices.Equal(p.Fields[:shared], q.Fields[:shared])
			})
		})
}
