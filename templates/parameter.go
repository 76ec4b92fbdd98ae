package templates

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Parameter is a parameter that a template declares, with its constraints compiled. Read-only.
type Parameter struct {
	Name     string
	Index    int // in spec.parameters
	Type     v1alpha1.ParameterType
	Required bool
	Enum     []string
	// Text is the default in the form of an annotation's value; "" if there is none.
	Text string

	value      any // the default, or the zero value of the type
	hasDefault bool
	allowed    map[string]bool // the enum, to look up; nil without one
	pattern    *pattern
	minimum    *bound
	maximum    *bound
	maxLength  int // in characters; -1: any

	description, example string // for messages; "" if there is none
}

// Declarations returns parameters as package expression declares them.
func Declarations(params []*Parameter) []expression.Parameter {
	declared := make([]expression.Parameter, len(params))
	for i, p := range params {
		declared[i] = expression.Parameter{Name: p.Name, Type: p.Type}
	}
	return declared
}

func (p *Parameter) missingFix() string {
	if len(p.Enum) > 0 {
		return "one of " + message.List(p.Enum)
	}
	return "give it " + p.wanted()
}

// parse checks a text and returns the value that expressions see.
func (p *Parameter) parse(text string) (any, *ParameterFault) {
	if !utf8.ValidString(text) {
		return nil, &ParameterFault{Message: fmt.Sprintf("want text in UTF-8, got %s", message.Quote(text))}
	}
	value, fault := convert(p.Type, text)
	if fault != nil {
		fault.Fix = p.schemed(text, fault.Fix)
		return nil, fault
	}
	if items, ok := value.([]any); ok {
		for _, item := range items {
			if fault := p.constrain(item.(string), item); fault != nil {
				return nil, fault
			}
		}
		return value, nil
	}
	if entries, ok := value.(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			text, _ := entries[key].(string)
			if fault := p.constrain(text, text); fault != nil {
				fault.Key = key
				return nil, fault
			}
		}
		return value, nil
	}
	if fault := p.constrain(text, value); fault != nil {
		return nil, fault
	}
	return value, nil
}

// IsGiven returns the expression that tells whether the parameter has another value than without being given.
func (p *Parameter) IsGiven() string { return "params." + p.Name + traitsOf(p.Type).other }

// HasValue reports whether every pod gives the parameter a value, or its default does.
func (p *Parameter) HasValue() bool { return p.Required || p.hasDefault }

// Allows reports whether the enum contains a text; true if there is no enum.
func (p *Parameter) Allows(text string) bool { return p.allowed == nil || p.allowed[text] }

// maxMatching is the maximum number of regexp steps for all patterns of an instance, about 20 ms: that allows
// 10 KB of text for a pattern of a typical name.
const maxMatching = 2_000_000

// matching returns the maximum number of steps to match a text against the pattern.
func (p *Parameter) matching(text string) int {
	if p.pattern == nil {
		return 0
	}
	return len(text) * p.pattern.size
}

// Takes reports whether a text is a valid value of the parameter. It is cheaper than Bind, because it
// computes no message for the enum.
func (p *Parameter) Takes(text string) bool {
	if p.Type != v1alpha1.TypeStringList && p.Type != v1alpha1.TypeStringMap && !p.Allows(text) {
		return false
	}
	_, fault := p.parse(text)
	return fault == nil
}

// constrain checks one value against the constraints; for a list, it is called for each item.
func (p *Parameter) constrain(text string, value any) *ParameterFault {
	if !p.Allows(text) {
		return &ParameterFault{Message: fmt.Sprintf("want one of %s, got %s", message.List(p.Enum), message.Quote(text)), Fix: message.DidYouMean(text, p.Enum, "")}
	}
	if p.maxLength >= 0 && utf8.RuneCountInString(text) > p.maxLength {
		return &ParameterFault{Message: fmt.Sprintf("want at most %d characters, got %d: %s", p.maxLength, utf8.RuneCountInString(text), message.Quote(text))}
	}
	if p.pattern != nil && !p.pattern.matches(text) {
		return p.unlike(text)
	}
	if p.minimum != nil && p.minimum.compare(value, text) < 0 {
		return &ParameterFault{Message: fmt.Sprintf("want at least %s, got %s", p.minimum.text, message.Quote(text)), Fix: p.thousandths(text)}
	}
	if p.maximum != nil && p.maximum.compare(value, text) > 0 {
		return &ParameterFault{Message: fmt.Sprintf("want at most %s, got %s", p.maximum.text, message.Quote(text))}
	}
	return nil
}
