package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Parameters are the checked values of one template's parameters. They are
// immutable and may be shared. The zero value has none.
type Parameters struct {
	params []*Parameter
	values map[string]any // by name: string, bool, int64, float64 or []any of strings; complete
	texts  []string       // by index of params
}

// ParameterFault is one value that a parameter does not accept.
type ParameterFault struct {
	// Name is the parameter's; Text is the given value, "" if there was none. Key is that of the entry if the
	// fault is in one entry of a map.
	Name, Text, Key string
	// Message is the fault, without the name, with values quoted and cut: `want integer, got "x"`.
	Message string
	// Fix says how to correct it; "" if the message is enough.
	Fix string
}

// Error returns `parameter "NAME": message`.
func (f ParameterFault) Error() string {
	return "parameter " + message.Quote(f.Name) + ": " + f.Message
}

// Bind checks texts of annotations and adds the defaults. lookup returns the text that a parameter was given,
// if any; it is called once for each parameter, in the template's order, and may be nil. All faults are
// returned, in that order; without faults the Parameters are complete.
func (t *Template) Bind(lookup func(name string) (text string, given bool)) (Parameters, []ParameterFault) {
	bound := t.defaults
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	var faults []ParameterFault
	matching := 0
	shared := true // until a value differs from the defaults
	for i, p := range t.parameters {
		text, given := lookup(p.Name)
		if !given || text == "" && !p.hasDefault { // "" overrides a default, if the type has such a value
			if p.Required {
				faults = append(faults, ParameterFault{Name: p.Name, Message: "required, and not given", Fix: p.missingFix()})
			}
			continue
		}
		var value any
		var fault *ParameterFault
		if matching += p.matching(text); matching > maxMatching {
			fault = &ParameterFault{Message: fmt.Sprintf("%d bytes are too many to be compared with its pattern", len(text)), Fix: "give a shorter value"}
		} else {
			value, fault = p.parse(text)
		}
		if items, ok := value.([]any); ok && len(items) == 0 && p.Required && !strings.HasPrefix(strings.TrimSpace(text), "[") { // commas alone; [] is empty on purpose
			fault = &ParameterFault{Message: "required, and " + message.Quote(text) + " holds no value", Fix: p.missingFix()}
		}
		if fault != nil {
			fault.Name, fault.Text = p.Name, text
			faults = append(faults, *fault)
			continue
		}
		if shared {
			bound.values, bound.texts, shared = maps.Clone(bound.values), slices.Clone(bound.texts), false
		}
		bound.values[p.Name] = value
		bound.texts[i] = text
	}
	return bound, faults
}

// ParameterNames returns the names in the template's order. The slice must not be changed.
func (t *Template) ParameterNames() []string { return t.parameterNames }

// Text returns the value in the form of an annotation: the given text, or the default; "" if there is
// neither, or no parameter of that name.
func (p Parameters) Text(name string) string {
	for i := range p.params {
		if p.params[i].Name == name {
			return p.texts[i]
		}
	}
	return ""
}

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:5])
}
