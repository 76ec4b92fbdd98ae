package expression

import (
	"strings"

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
		return nil, typeError("a list has no field "+quote(field), "take one item by its number, [0], or use map, filter, exists")
	default:
		return nil, typeError("a "+s.Type+" has no field "+quote(field), "")
	}
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
	if hint := s.HintFor(field); hint != "" {
		err.Hint = hint
	}
	return err
}
