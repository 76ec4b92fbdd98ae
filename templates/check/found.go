package check

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// found collects the findings of one rule: one per reason and place, at most as many as are reported.
type found struct {
	list []templates.Finding
	seen map[told]bool
}

// told is the key of a finding; of findings with equal keys only the first is kept.
type told struct {
	line, column int
	path         string
	reason       templates.FindingReason
}

// fault adds an error at a place in the template.
func (f *found) fault(where program.Place, reason templates.FindingReason, hint, format string, args ...any) {
	f.add(templates.SeverityError, where, reason, hint, fmt.Sprintf(format, args...))
}

func (f *found) add(severity templates.Severity, where program.Place, reason templates.FindingReason, hint, message string) {
	key := told{where.Line, where.Column, where.At.String(), reason}
	if f.full() || f.seen[key] {
		return
	}
	if f.seen == nil {
		f.seen = map[told]bool{}
	}
	f.seen[key] = true
	f.list = append(f.list, templates.Finding{
		Line: key.line, Column: key.column, Path: key.path, Reason: reason, Severity: severity, Hint: hint, Message: message,
	})
}

// full reports whether the maximum number of reported findings has been reached.
func (f *found) full() bool { return len(f.list) > templates.MaxFindings }

// place returns the place in the template that produced a value of the result; if none is recorded for the
// value, that of the innermost enclosing value.
func (s *Sample) place(at *schema.Path) program.Place {
	for path := at.String(); path != ""; {
		if where, ok := s.Trace.Places[path]; ok {
			return where
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return program.Place{At: at}
}

// The paths of the results of a rendering.
func specPath() *schema.Path { return schema.Root("spec") }
func appPath() *schema.Path  { return specPath().Member("app") }
func podPath() *schema.Path  { return specPath().Member("pod") }

// container is a container that a rendering adds, or the fields that it adds to the app's containers.
type container struct {
	fields program.Object
	init   bool // in the list initContainers
	app    bool // the fields added to the app's containers
	at     *schema.Path
}

// containers returns the containers of the rendered pod, init containers first.
func (s *Sample) containers() []container {
	var all []container
	spec := s.Pod.Object("spec")
	for _, field := range []string{"initContainers", "containers"} {
		for i, o := range program.Objects(spec.List(field)) {
			all = append(all, container{fields: o, init: field == "initContainers", at: podPath().Member("spec").Member(field).Item(i)})
		}
	}
	return all
}

// withApp returns the containers of the rendered pod and the fields added to the app's containers.
func (s *Sample) withApp() []container {
	return append(s.containers(), container{fields: s.App, app: true, at: appPath()})
}
