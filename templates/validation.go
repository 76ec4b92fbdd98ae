package templates

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// ValidationError is the error of a pod that does not meet the template's validations: a mistake of the pod's
// author.
type ValidationError struct {
	// Failures are all unmet validations, in the template's order.
	Failures []ValidationFailure
	// Cost is that of the expressions, in CEL's units of work.
	Cost uint64
}

// Error returns the messages, joined by semicolons.
func (e *ValidationError) Error() string {
	texts := make([]string, 0, len(e.Failures))
	for _, f := range e.Failures {
		texts = append(texts, f.Message)
	}
	return strings.Join(texts, "; ")
}

// ValidationFailure is one unmet validation.
type ValidationFailure struct {
	// Message is the template's message, printable and cut.
	Message string
	// Parameter is the name of the parameter whose annotation is reported as the cause; "" if there is none.
	Parameter string
}

// LongestMessage is the maximum length of a template's message, in bytes.
const LongestMessage = 512

// sortUnmet separates the validations that refuse the pod from those that warn.
func sortUnmet(unmet []program.Unmet) (refused, warnings []ValidationFailure) {
	for _, u := range unmet {
		f := ValidationFailure{Message: message.Printable(message.Cut(u.Message, LongestMessage)), Parameter: u.Parameter}
		if u.Warns {
			warnings = append(warnings, f)
		} else {
			refused = append(refused, f)
		}
	}
	return refused, warnings
}

// IsMap reports whether a parameter is a map, whose entries are given one by one.
func (t *Template) IsMap(parameter string) bool {
	p := t.parameter(parameter)
	return p != nil && p.Type == v1alpha1.TypeStringMap
}

// Lists reports whether the template says each value that a parameter may have.
func (t *Template) Lists(parameter string) bool {
	p := t.parameter(parameter)
	return p != nil && (p.Type == v1alpha1.TypeBoolean || len(p.Enum) > 0)
}

// parameter returns the parameter of a name, or nil.
func (t *Template) parameter(name string) *Parameter {
	for _, p := range t.parameters {
		if p.Name == name {
			return p
		}
	}
	return nil
}
