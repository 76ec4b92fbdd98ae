package templates

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// ValidationError says that a pod does not have what the template demands of it: the mistake of the
// pod's author.
type ValidationError struct {
	// Failures are all that the template says, in its order.
	Failures []ValidationFailure
	// Cost is what the expressions took, in CEL's units of work.
	Cost uint64
}

// Error is the sentences of the template.
func (e *ValidationError) Error() string {
	texts := make([]string, 0, len(e.Failures))
	for _, f := range e.Failures {
		texts = append(texts, f.Message)
	}
	return strings.Join(texts, "; ")
}

// ValidationFailure is one demand that is not met.
type ValidationFailure struct {
	// Message is the template's own sentence, printable and cut.
	Message string
	// Parameter is the one at whose annotation it is to be told; "" if it is none's.
	Parameter string
}

// longestMessage bounds the sentence of a template, in bytes.
const longestMessage = 512

// sortUnmet tells those that refuse from those that warn.
func sortUnmet(unmet []program.Unmet) (refused, warnings []ValidationFailure) {
	for _, u := range unmet {
		f := ValidationFailure{Message: message.Printable(message.Cut(u.Message, longestMessage)), Parameter: u.Parameter}
		if u.Warns {
			warnings = append(warnings, f)
		} else {
			refused = append(refused, f)
		}
	}
	return refused, warnings
}

// IsMap says whether a parameter is a map, which is given entry by entry.
func (t *Template) IsMap(parameter string) bool {
	for _, p := range t.parameters {
		if p.Name == parameter {
			return p.Type == v1alpha1.TypeStringMap
		}
	}
	return false
}
