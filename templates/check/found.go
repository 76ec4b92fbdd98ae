package check

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// found are the findings of one rule: one for each reason at a place, and no more than are told.
type found struct {
	list []templates.Finding
	seen map[told]bool
}

// told is what makes two findings one.
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

// full says that there are more findings than are told.
func (f *found) full() bool { return len(f.list) > templates.MaxFindings }

// place is where in the template a value of the result came from, or what holds it.
func (s *Sample) place(at *schema.Path) program.Place {
	for path := at.String(); path != ""; {
		if where, ok := s.Trace.Places[path]; ok {
			return where
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return program.Place{At: at}
}

// The paths of what is rendered.
func specPath() *schema.Path { return schema.Root("spec") }
func appPath() *schema.Path  { return specPath().Member("app") }
func podPath() *schema.Path  { return specPath().Member("pod") }

// container is one that a rendering adds.
type container struct {
	fields program.Object
	init   bool // it is one of the initContainers
	app    bool // it is what the app's own get
	at     *schema.Path
}

// containers are those of the pod.
func (s *Sample) containers() []container {
	var all []container
	spec := s.Pod.Object("spec")
	for _, field := range []string{"initContainers", "containers"} {
		for i, item := range spec.List(field) {
			o, _ := item.(program.Object)
			all = append(all, container{fields: o, init: field == "initContainers", at: podPath().Member("spec").Member(field).Item(i)})
		}
	}
	return all
}

// withApp are the containers of the pod and what the app's own get.
func (s *Sample) withApp() []container {
	return append(s.containers(), container{fields: s.App, app: true, at: appPath()})
}
