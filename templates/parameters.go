package templates

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Parameters are the checked values of one template's parameters. They are
// immutable and may be shared. The zero value has none.
type Parameters struct {
	params []*parameter
	values map[string]any // by name: string, bool, int64, float64 or []any of strings; complete
	texts  []string       // by index of params
}

// ParameterFault is one value that a parameter does not take.
type ParameterFault struct {
	// Name of the parameter; Text the value that was given, "" if none was.
	Name, Text string
	// Message is what is wrong, without the name, values quoted and cut: `want integer, got "x"`.
	Message string
	// Fix is what to do about it; "" if the message says it all.
	Fix string
}

// Error is `parameter "NAME": message`.
func (f ParameterFault) Error() string { return "parameter " + Quote(f.Name) + ": " + f.Message }

// Bind checks texts as they stand in annotations and fills in the defaults.
// lookup says which text a parameter was given, if any; it is called once for
// each parameter, in the template's order, and may be nil. All faults are returned, in
// that order; without faults the Parameters are complete.
func (t *Template) Bind(lookup func(name string) (text string, given bool)) (Parameters, []ParameterFault) {
	bound := t.defaults
	if lookup == nil {
		lookup = func(string) (string, bool) { return "", false }
	}
	var faults []ParameterFault
	matching := 0
	shared := true // until a value differs from the defaults
	for i, p := range t.parameters {
		text, given := lookup(p.name)
		if !given || text == "" && p.emptyIsAbsent() {
			if p.required {
				faults = append(faults, ParameterFault{Name: p.name, Message: "required, and not given", Fix: p.missingFix()})
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
		if fault != nil {
			fault.Name, fault.Text = p.name, text
			faults = append(faults, *fault)
			continue
		}
		if shared {
			bound = bound.copied()
			shared = false
		}
		bound.values[p.name] = value
		bound.texts[i] = text
	}
	return bound, faults
}

// ParameterNames gives the names in the template's order. Read-only.
func (t *Template) ParameterNames() []string { return t.parameterNames }

func (p Parameters) copied() Parameters {
	values := make(map[string]any, len(p.values))
	for k, v := range p.values {
		values[k] = v
	}
	return Parameters{params: p.params, values: values, texts: append([]string(nil), p.texts...)}
}

// Text is the value as an annotation would give it: the text that was given, or the
// default; "" if there is neither, or no parameter of that name.
func (p Parameters) Text(name string) string {
	for i := range p.params {
		if p.params[i].name == name {
			return p.texts[i]
		}
	}
	return ""
}

// Hash is a short hash of all values, defaults included: 10 hexadecimal digits,
// "" if the template has no parameters.
func (p Parameters) Hash() string {
	if len(p.params) == 0 {
		return ""
	}
	var b []byte
	for _, param := range p.params {
		b = appendJSONString(b, param.name)
		b = append(b, ':')
		b = append(AppendJSON(b, p.values[param.name]), '\n')
	}
	return shortHash(b)
}

func shortHash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:5])
}

// parameter is a v1alpha1.Parameter with its constraints compiled.
type parameter struct {
	name       string
	index      int // in spec.parameters
	kind       v1alpha1.ParameterType
	required   bool
	enum       []string
	allowed    map[string]bool // the enum, to look up; nil without one
	pattern    *pattern
	minimum    *bound
	maximum    *bound
	maxLength  int // in characters; -1: any
	unset      any // the value when neither given nor defaulted
	value      any // the default, or unset
	text       string
	hasDefault bool // and it is not ""
}

// emptyIsAbsent says whether "" in an annotation means that nothing was given. Where
// there is a default, "" replaces it, if the type has such a value.
func (p *parameter) emptyIsAbsent() bool { return !p.hasDefault }

func (p *parameter) missingFix() string {
	if len(p.enum) > 0 {
		return "one of " + list(p.enum)
	}
	return "give it " + wanted(p.kind)
}

// parse checks a text and gives the value that expressions see.
func (p *parameter) parse(text string) (any, *ParameterFault) {
	if !utf8.ValidString(text) {
		return nil, &ParameterFault{Message: fmt.Sprintf("want text in UTF-8, got %s", Quote(text))}
	}
	value, fault := convert(p.kind, text)
	if fault != nil {
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
	if fault := p.constrain(text, value); fault != nil {
		return nil, fault
	}
	return value, nil
}

// among says whether the enum, if there is one, has a text.
func (p *parameter) among(text string) bool { return p.allowed == nil || p.allowed[text] }

// maxMatching bounds the steps of all patterns of an instance, about 20 ms: 10 KB of
// text where the pattern is one of a name.
const maxMatching = 2_000_000

// matching is how many steps it takes to compare a text with the pattern, at most.
func (p *parameter) matching(text string) int {
	if p.pattern == nil {
		return 0
	}
	return len(text) * p.pattern.size
}

// takes says whether a text is one of the parameter's values. It costs less than to say why not.
func (p *parameter) takes(text string) bool {
	if p.kind != v1alpha1.TypeStringList && !p.among(text) {
		return false
	}
	_, fault := p.parse(text)
	return fault == nil
}

// constrain checks one value; the items of a list are checked one by one.
func (p *parameter) constrain(text string, value any) *ParameterFault {
	if !p.among(text) {
		fault := &ParameterFault{Message: fmt.Sprintf("want one of %s, got %s", list(p.enum), Quote(text))}
		if near := Nearest(text, p.enum); near != "" {
			fault.Fix = fmt.Sprintf("did you mean %s?", shown(near))
		}
		return fault
	}
	if p.maxLength >= 0 && utf8.RuneCountInString(text) > p.maxLength {
		return &ParameterFault{Message: fmt.Sprintf("want at most %d characters, got %d: %s", p.maxLength, utf8.RuneCountInString(text), Quote(text))}
	}
	if p.pattern != nil && !p.pattern.matches(text) {
		return &ParameterFault{Message: fmt.Sprintf("want text that matches %s, got %s", Quote(p.pattern.text), Quote(text))}
	}
	if p.minimum != nil && p.minimum.compare(value, text) < 0 {
		return &ParameterFault{Message: fmt.Sprintf("want at least %s, got %s", p.minimum.text, Quote(text))}
	}
	if p.maximum != nil && p.maximum.compare(value, text) > 0 {
		return &ParameterFault{Message: fmt.Sprintf("want at most %s, got %s", p.maximum.text, Quote(text))}
	}
	return nil
}

// list shows up to eight values of an enum.
func list(all []string) string {
	const most = 8
	values := make([]string, 0, most)
	for i, v := range all {
		if i == most {
			return strings.Join(values, ", ") + fmt.Sprintf(" and %d more", len(all)-most)
		}
		values = append(values, shown(v))
	}
	return strings.Join(values, ", ")
}

// shown is a text of a template within a message: as it is, where it can be told from the
// message and is short, else quoted and cut.
func shown(text string) string {
	if quoted := Quote(text); text == "" || len(text) > maxEcho || quoted[1:len(quoted)-1] != text {
		return quoted
	}
	return text
}
