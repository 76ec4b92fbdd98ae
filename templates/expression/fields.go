package expression

import (
	"cmp"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// selectField returns the schema of a field, or an error if there is no such field. The schema is nil if
// nothing is known about it.
func selectField(s *schema.Schema, field string) (*schema.Schema, *Error) {
	switch s.Kind {
	case schema.Any, schema.IntOrString:
		return nil, nil
	case schema.Map:
		return s.Elem, nil
	case schema.Object:
		f, ok := s.Field(field)
		if !ok {
			return nil, unknownField(s, field)
		}
		return f.Schema, nil
	case schema.List:
		return nil, typeError("a list has no field "+quote(field), cmp.Or(scalarHint(s, field), "take one item by its number, [0], or use map, filter, exists"))
	default:
		return nil, typeError("a "+s.Type+" has no field "+quote(field), scalarHint(s, field))
	}
}

const dottedKey = `a key with dots stands in brackets: labels[?"example.com/team"]`

// scalarHint returns what was probably meant by a field of a value that has none; "" if there is no good guess.
func scalarHint(s *schema.Schema, field string) string {
	switch {
	case field == "length" || field == "size" || field == "count":
		return "size(…) counts them"
	case s.Kind == schema.String && (field == "key" || field == "value"):
		return "of a map, map and filter go through the keys: MAP[k] is the value of k"
	case s.Kind == schema.String && field == "name":
		return "it is the value itself: leave .name out"
	case s.Kind == schema.Quantity:
		return dottedKey
	}
	return ""
}

func unknownField(s *schema.Schema, field string) *Error {
	err := &Error{Reason: UnknownField, Message: "field " + quote(field) + " is unknown in " + s.Type}
	names, declared := s.Names(), ""
	switch s.Type {
	case paramsVariable:
		err.Message = "parameter " + quote(field) + " is not declared"
		err.Hint, declared = "the template declares no parameters", "declared are "
	case variablesVariable:
		err.Message = "variable " + quote(field) + " is not declared before it is read"
		err.Hint, declared = "the template declares no variables before", "declared before are "
	}
	if declared != "" && len(names) > 0 {
		err.Hint = declared + strings.Join(names[:min(len(names), 20)], ", ")
	}
	if err.Hint == "" {
		err.Hint = cmp.Or(s.HintFor(field), s.FieldsHint())
	} else {
		err.Hint = message.DidYouMean(field, s.Names(), err.Hint)
	}
	return err
}
