package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
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
		switch {
		case !wrong.Missing:
			f.fault(s.place(wrong.At), templates.BadValue, wrong.Hint, "%s", wrong.Message)
		case !s.Incomplete:
			f.fault(s.place(wrong.At), templates.MissingField, wrong.Hint, "%s", wrong.Message)
		}
	}
}
