package templates

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// declarationFault is a mistake in one field of a parameter's declaration.
type declarationFault struct {
	field         string
	reason        FindingReason
	message, hint string
}

var parameterName = regexp.MustCompile(`^[a-z][A-Za-z0-9]{0,62}$`)

// reservedParameters are words of expressions, and the annotations beside the parameters.
func reservedParameters() []string {
	return []string{"in", "true", "false", "null", "override", "native", "containers"}
}

// newParameter compiles a declaration. With faults the parameter still has a
// name, type and zero value, so that the rest of the template can be checked.
func newParameter(declared *v1alpha1.Parameter) (*parameter, []declarationFault) {
	p := &parameter{name: declared.Name, kind: declared.Type, required: declared.Required, maxLength: -1}
	var faults []declarationFault
	fault := func(field string, reason FindingReason, hint, format string, args ...any) {
		faults = append(faults, declarationFault{field: field, reason: reason, message: fmt.Sprintf(format, args...), hint: hint})
	}

	switch {
	case declared.Name == "":
		fault("name", MissingField, "", "name is missing")
	case slices.Contains(reservedParameters(), declared.Name):
		fault("name", BadName, "choose another name", "%s is a reserved word", Quote(declared.Name))
	case !parameterName.MatchString(declared.Name):
		fault("name", BadName, "begin with a lower-case letter; letters and digits only, at most 63", "%s is not a parameter name", Quote(declared.Name))
	}
	if types := parameterTypes(); !slices.Contains(types, string(p.kind)) {
		switch {
		case p.kind == "":
			fault("type", MissingField, "one of "+list(types), "type is missing")
		default:
			hint := "one of " + list(types)
			if near := Nearest(string(p.kind), types); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			fault("type", BadValue, hint, "%s is not a parameter type", Quote(string(p.kind)))
		}
		p.kind = v1alpha1.TypeString
		p.unset, p.value = "", ""
		return p, faults
	}
	p.unset = zeroOf(p.kind)
	p.value = p.unset
	faults = append(faults, p.declareConstraints(declared)...)
	faults = append(faults, p.declareDefault(declared)...)
	return p, faults
}

func zeroOf(kind v1alpha1.ParameterType) any {
	switch kind {
	case v1alpha1.TypeInteger, v1alpha1.TypePort:
		return int64(0)
	case v1alpha1.TypeNumber:
		return float64(0)
	case v1alpha1.TypeBoolean:
		return false
	case v1alpha1.TypeStringList:
		return []any{}
	default:
		return ""
	}
}

// textual says whether the value of a type is text, whose length and form can be constrained.
func textual(kind v1alpha1.ParameterType) bool {
	switch kind {
	case v1alpha1.TypeString, v1alpha1.TypePath, v1alpha1.TypeURL, v1alpha1.TypeName, v1alpha1.TypeStringList:
		return true
	}
	return false
}

func (p *parameter) declareConstraints(declared *v1alpha1.Parameter) []declarationFault {
	var faults []declarationFault
	fault := func(field string, format string, args ...any) {
		faults = append(faults, declarationFault{field: field, reason: BadConstraint, message: fmt.Sprintf(format, args...)})
	}

	if len(declared.Enum) > 0 && p.kind == v1alpha1.TypeBoolean {
		fault("enum", "a boolean takes no enum")
	} else {
		known := make(map[string]bool, len(declared.Enum))
		for i, allowed := range declared.Enum {
			field := "enum[" + strconv.Itoa(i) + "]"
			switch f := p.fits(allowed); {
			case len(faults) > maxFindings: // no more are told
			case known[allowed]:
				fault(field, "%s is there twice", Quote(allowed))
			case f != nil:
				fault(field, "%s", f.Message)
			}
			known[allowed] = true
		}
		if p.enum = declared.Enum; len(p.enum) > 0 {
			p.allowed = known
		}
	}

	if declared.Pattern != "" {
		compiled, err := newPattern(declared.Pattern)
		switch {
		case !textual(p.kind):
			fault("pattern", "a parameter of type %s takes no pattern", p.kind)
		case err != nil:
			fault("pattern", "not a regular expression: %s", err)
		default:
			p.pattern = compiled
		}
	}
	if declared.MaxLength != nil {
		switch {
		case !textual(p.kind):
			fault("maxLength", "a parameter of type %s takes no maxLength", p.kind)
		case *declared.MaxLength < 0:
			fault("maxLength", "want 0 or more, got %d", *declared.MaxLength)
		default:
			p.maxLength = int(*declared.MaxLength)
		}
	}

	limit := func(field string, raw []byte) *bound {
		text, err := scalarText(raw)
		if err != nil {
			fault(field, "%s", err)
			return nil
		}
		b, ordered, f := newBound(p.kind, text)
		switch {
		case !ordered:
			fault(field, "a parameter of type %s takes no %s", p.kind, field)
		case f != nil:
			fault(field, "%s", f.Message)
		}
		return b
	}
	if declared.Minimum != nil {
		p.minimum = limit("minimum", declared.Minimum.Raw)
	}
	if declared.Maximum != nil {
		p.maximum = limit("maximum", declared.Maximum.Raw)
	}
	if p.minimum != nil && p.maximum != nil && p.minimum.compare(p.maximum.value, p.maximum.text) < 0 {
		fault("maximum", "%s is below the minimum %s", p.maximum.text, p.minimum.text)
		p.maximum = nil
	}
	return faults
}

// fits says whether a text is of the type, constraints aside.
func (p *parameter) fits(text string) *ParameterFault {
	kind := p.kind
	if kind == v1alpha1.TypeStringList { // an enum holds the items
		return refuseHidden(text)
	}
	if text == "" && !p.required {
		return nil
	}
	_, fault := convert(kind, text)
	return fault
}

func (p *parameter) declareDefault(declared *v1alpha1.Parameter) []declarationFault {
	if declared.Default == nil || string(declared.Default.Raw) == "null" {
		return nil
	}
	if declared.Required {
		return []declarationFault{{field: "default", reason: BadDefault, message: "a required parameter has no default", hint: "drop required or default"}}
	}
	text, err := p.textOf(declared.Default.Raw)
	if err == nil && text != "" {
		value, fault := p.parse(text)
		if fault == nil {
			p.value, p.text, p.hasDefault = value, text, true
			return nil
		}
		err = fmt.Errorf("%s", fault.Message)
	}
	if err != nil {
		return []declarationFault{{field: "default", reason: BadDefault, message: err.Error()}}
	}
	return nil
}

// textOf gives a value that YAML holds (a default, an example's) as an annotation
// would: 5 as "5", [a, b] as "a,b". It must be of the parameter's type, or "" for not given.
func (p *parameter) textOf(raw []byte) (string, error) {
	value, err := valueFromJSON(raw)
	if err != nil {
		return "", err
	}
	mismatch := func() error {
		return fmt.Errorf("want %s, got the %s %s", p.kind, kindOf(value), Quote(string(raw)))
	}
	switch v := value.(type) {
	case string:
		switch p.kind {
		case v1alpha1.TypeInteger, v1alpha1.TypePort, v1alpha1.TypeNumber, v1alpha1.TypeBoolean:
			if v != "" {
				return "", fmt.Errorf("want %s, got the string %s", p.kind, Quote(v))
			}
		case v1alpha1.TypeStringList:
			if v != "" {
				return "", fmt.Errorf("want a list, got the string %s", Quote(v))
			}
		}
		return v, nil
	case bool:
		if p.kind != v1alpha1.TypeBoolean {
			return "", mismatch()
		}
		return strconv.FormatBool(v), nil
	case int64, float64:
		switch p.kind {
		case v1alpha1.TypeInteger, v1alpha1.TypePort, v1alpha1.TypeNumber, v1alpha1.TypeQuantity:
			return string(AppendJSON(nil, v)), nil
		}
		return "", mismatch()
	case []any:
		if p.kind != v1alpha1.TypeStringList {
			return "", mismatch()
		}
		for i, item := range v {
			if _, ok := item.(string); !ok {
				return "", fmt.Errorf("item %d: want a string, got the %s %s", i, kindOf(item), Quote(string(AppendJSON(nil, item))))
			}
		}
		return listText(v), nil
	default:
		return "", mismatch()
	}
}

// scalarText gives a bound as an annotation would write it.
func scalarText(raw []byte) (string, error) {
	value, err := valueFromJSON(raw)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, float64:
		return string(AppendJSON(nil, v)), nil
	default:
		return "", fmt.Errorf("want a number or text, got the %s %s", kindOf(v), Quote(string(raw)))
	}
}

// declared gives what Bind starts from: every default.
func defaultsOf(params []*parameter) Parameters {
	values := make(map[string]any, len(params))
	texts := make([]string, len(params))
	for i, p := range params {
		values[p.name] = p.value
		texts[i] = p.text
	}
	return Parameters{params: params, values: values, texts: texts}
}
