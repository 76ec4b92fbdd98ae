package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// fields refuses what the API server would refuse: objects that lack a field which Kubernetes requires,
// have two that exclude each other, or hold a value that it does not take.
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
