package templates

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// ParameterName is the regular expression for names of parameters.
const ParameterName = `^[a-z][A-Za-z0-9]{0,62}$`

var parameterName = regexp.MustCompile(ParameterName)

// ValidParameter reports whether name has the form of a parameter's name. Reserved words are not refused
// here.
func ValidParameter(name string) bool { return parameterName.MatchString(name) }

// Keyword reports whether a name is one that no expression can read as a member: CEL has a meaning for it.
func Keyword(name string) bool {
	return name == "in" || name == "true" || name == "false" || name == "null"
}

// NewParameter compiles a declaration. The paths of the findings are relative to the declaration. The
// parameter is usable even if there are findings: it has a name, type and zero value, so that the rest of the
// template can be checked.
func NewParameter(declared *v1alpha1.Parameter) (*Parameter, []Finding) {
	p := &Parameter{Name: declared.Name, Type: declared.Type, Required: declared.Required, maxLength: -1}
	var faults []Finding
	fault := func(field string, reason FindingReason, hint, format string, args ...any) {
		faults = append(faults, Finding{Path: field, Reason: reason, Severity: SeverityError, Message: fmt.Sprintf(format, args...), Hint: hint})
	}

	switch {
	case declared.Name == "":
		fault("name", MissingField, "", "name is missing")
	case Keyword(declared.Name), slices.Contains([]string{"override", "native", "containers"}, declared.Name): // the latter are annotations of every instance
		fault("name", BadName, "choose another name", "%s is a reserved word", message.Quote(declared.Name))
	case !ValidParameter(declared.Name):
		fault("name", BadName, camelHint(declared.Name)+"begin with a lower-case letter; letters and digits only, at most 63", "%s is not a parameter name", message.Quote(declared.Name))
	}
	if types := ParameterTypes(); !slices.Contains(types, string(p.Type)) {
		switch {
		case p.Type == "":
			fault("type", MissingField, "one of "+strings.Join(types, ", "), "type is missing")
		default:
			hint := message.DidYouMean(string(p.Type), types, "one of "+strings.Join(types, ", "))
			if meant := typesElsewhere[string(p.Type)]; meant != "" {
				hint = "did you mean " + meant + "?"
			}
			fault("type", BadValue, hint, "%s is not a parameter type", message.Quote(string(p.Type)))
		}
		p.Type = v1alpha1.TypeString
		p.value = ""
		return p, faults
	}
	p.value = traitsOf(p.Type).zero
	faults = append(faults, p.declareConstraints(declared)...)
	faults = append(faults, p.declareDefault(declared)...)
	return p, faults
}

// camelHint returns the hint for a name in another spelling, as cert_dir for certDir; "" if there is no good guess.
func camelHint(name string) string {
	camel := ""
	for i, word := range strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' || r == ' ' }) {
		first := strings.ToUpper(word[:1])
		if i == 0 {
			first = strings.ToLower(first)
		}
		camel += first + word[1:]
	}
	if !ValidParameter(camel) {
		return ""
	}
	return "did you mean " + camel + "? "
}

// typesElsewhere are the names that types of parameters have in other languages.
var typesElsewhere = map[string]string{
	"int": "integer", "bool": "boolean", "float": "number", "double": "number", "str": "string", "text": "string",
	"array": "list<string>", "object": "map<string>", "size": "quantity", "file": "path", "secret": "name", "enum": "string with an enum",
}

func (p *Parameter) declareConstraints(declared *v1alpha1.Parameter) []Finding {
	faults := p.declareEnum(declared.Enum)
	traits := traitsOf(p.Type)
	fault := func(field, format string, args ...any) {
		faults = append(faults, badConstraint(field, "", fmt.Sprintf(format, args...)))
	}
	if declared.Pattern != "" {
		compiled, err := newPattern(declared.Pattern)
		switch {
		case !traits.textual:
			fault("pattern", "a parameter of type %s takes no pattern", p.Type)
		case err != nil:
			fault("pattern", "not a regular expression: %s", err)
		default:
			p.pattern = compiled
		}
	}
	if declared.MaxLength != nil {
		switch {
		case !traits.textual:
			fault("maxLength", "a parameter of type %s takes no maxLength", p.Type)
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
		b, ordered, f := newBound(p.Type, text)
		switch {
		case !ordered:
			fault(field, "a parameter of type %s takes no %s", p.Type, field)
		case f != nil:
			faults = append(faults, badConstraint(field, f.Fix, f.Message))
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

func (p *Parameter) declareEnum(enum []string) []Finding {
	if len(enum) > 0 && p.Type == v1alpha1.TypeBoolean {
		return []Finding{badConstraint("enum", "", "a boolean takes no enum")}
	}
	var faults []Finding
	known := make(map[string]bool, len(enum))
	for i, allowed := range enum {
		field := "enum[" + strconv.Itoa(i) + "]"
		switch f := p.fits(allowed); {
		case len(faults) > MaxFindings: // no more are reported
		case known[allowed]:
			faults = append(faults, badConstraint(field, "", message.Quote(allowed)+" is there twice"))
		case f != nil:
			faults = append(faults, badConstraint(field, f.Fix, f.Message))
		}
		known[allowed] = true
	}
	p.Enum = enum
	if len(enum) > 0 {
		p.allowed = known
	}
	return faults
}

func badConstraint(field, hint, text string) Finding {
	return Finding{Path: field, Reason: BadConstraint, Severity: SeverityError, Message: text, Hint: hint}
}

// fits returns a fault if a text is not of the parameter's type; constraints are not checked.
func (p *Parameter) fits(text string) *ParameterFault {
	kind := p.Type
	if kind == v1alpha1.TypeStringList || kind == v1alpha1.TypeStringMap { // an enum holds the items
		return refuseHidden(text)
	}
	if text == "" && !p.Required {
		return nil
	}
	_, fault := convert(kind, text)
	return fault
}

func (p *Parameter) declareDefault(declared *v1alpha1.Parameter) []Finding {
	if declared.Default == nil || string(declared.Default.Raw) == "null" {
		return nil
	}
	if declared.Required {
		return []Finding{{Path: "default", Reason: BadDefault, Severity: SeverityError, Message: "a required parameter has no default", Hint: "drop required or default"}}
	}
	text, err := p.TextOf(declared.Default.Raw)
	hint := p.Unquoted(declared.Default.Raw)
	if err == nil && text != "" {
		value, fault := p.parse(text)
		if fault == nil {
			p.value, p.Text, p.hasDefault = value, text, true
			return nil
		}
		err, hint = fmt.Errorf("%s", fault.Message), cmp.Or(hint, fault.Fix)
	}
	if err != nil {
		return []Finding{{Path: "default", Reason: BadDefault, Severity: SeverityError, Message: err.Error(), Hint: hint}}
	}
	return nil
}

// Unquoted returns a hint if a YAML value would be of the parameter's type with or without quotes, with a unit, or as
// a list; else "".
func (p *Parameter) Unquoted(raw []byte) string {
	isList := p.Type == v1alpha1.TypeStringList
	switch value, _ := program.ValueFromJSON(raw); v := value.(type) {
	case bool, int64, float64:
		switch _, fault := p.parse(string(raw)); {
		case isList || p.Type == v1alpha1.TypeStringMap:
		case fault == nil:
			return "put it in quotes"
		case p.Type == v1alpha1.TypeDuration:
			return fault.Fix
		}
	case string:
		switch _, fault := p.parse(v); {
		case v == "" || fault != nil || p.Type == v1alpha1.TypeStringMap:
		case isList:
			return "write it as a list: [" + strconv.Quote(v) + "]"
		case traitsOf(p.Type).zero != "":
			return "write it without quotes"
		}
	case []any:
		if isList {
			return "put each item in quotes"
		}
	}
	return ""
}

// TextOf converts a YAML value (a default, an example's), given as JSON, to the text of an annotation: 5 to
// "5", [a, b] to "a,b". It must be of the parameter's type, or "" for not given.
func (p *Parameter) TextOf(raw []byte) (string, error) {
	value, err := program.ValueFromJSON(raw)
	if err != nil {
		return "", err
	}
	mismatch := func() error {
		return fmt.Errorf("want %s, got the %s %s", p.Type, program.KindOf(value), message.Quote(string(raw)))
	}
	switch v := value.(type) {
	case string:
		want := ""
		switch p.Type {
		case v1alpha1.TypeInteger, v1alpha1.TypePort, v1alpha1.TypeNumber, v1alpha1.TypeBoolean:
			want = string(p.Type)
		case v1alpha1.TypeStringList:
			want = "a list"
		case v1alpha1.TypeStringMap:
			want = "a mapping"
		}
		if want != "" && v != "" {
			return "", fmt.Errorf("want %s, got the string %s", want, message.Quote(v))
		}
		return v, nil
	case bool:
		if p.Type != v1alpha1.TypeBoolean {
			return "", mismatch()
		}
		return strconv.FormatBool(v), nil
	case int64, float64:
		switch p.Type {
		case v1alpha1.TypeInteger, v1alpha1.TypePort, v1alpha1.TypeNumber, v1alpha1.TypeQuantity:
			return string(program.AppendJSON(nil, v)), nil
		}
		return "", mismatch()
	case []any:
		if p.Type != v1alpha1.TypeStringList {
			return "", mismatch()
		}
		for i, item := range v {
			if _, ok := item.(string); !ok {
				return "", fmt.Errorf("item %d: want a string, got the %s %s", i, program.KindOf(item), message.Quote(string(program.AppendJSON(nil, item))))
			}
		}
		return listText(v), nil
	case program.Object:
		if p.Type != v1alpha1.TypeStringMap {
			return "", mismatch()
		}
		return string(program.AppendJSON(nil, program.Sorted(v))), nil
	default:
		return "", mismatch()
	}
}

// scalarText converts a bound, given as JSON, to the text of an annotation.
func scalarText(raw []byte) (string, error) {
	value, err := program.ValueFromJSON(raw)
	if err != nil {
		return "", err
	}
	switch v := value.(type) {
	case string:
		return v, nil
	case int64, float64:
		return string(program.AppendJSON(nil, v)), nil
	default:
		return "", fmt.Errorf("want a number or text, got the %s %s", program.KindOf(v), message.Quote(string(raw)))
	}
}

// defaultsOf returns the Parameters with every default, which Bind starts from.
func defaultsOf(params []*Parameter) Parameters {
	values := make(map[string]any, len(params))
	texts := make([]string, len(params))
	for i, p := range params {
		values[p.Name] = p.value
		texts[i] = p.Text
	}
	return Parameters{params: params, values: values, texts: texts}
}
