package program

import (
	"slices"
	"strings"
)

// know evaluates the variables that an expression reads, unless they already have a value. It returns false
// if one failed and the trace has recorded that.
func (e *Evaluation) know(names []string) (bool, error) {
	for _, name := range names {
		if _, known := e.activation.Variables[name]; known {
			continue
		}
		v := e.program.Variable(name)
		if v == nil || slices.Contains(e.failed, name) {
			return false, nil
		}
		value, present, err := e.expression(v)
		if err != nil {
			return false, err
		}
		if !present {
			e.failed = append(e.failed, name)
			return false, nil
		}
		if e.activation.Variables == nil {
			e.activation.Variables = map[string]any{}
		}
		e.activation.Variables[name] = value
	}
	return true, nil
}

// Own evaluates all of the template's own variables and calls visit for each in order. Those that no other
// expression has read are not recorded, and their cost is not counted.
func (e *Evaluation) Own(visit func(name string, value any, err error)) {
	apart := *e
	apart.record, apart.reached, apart.failed = nil, nil, nil
	for _, v := range e.program.Variables {
		_, err := apart.know([]string{v.Name})
		visit(v.Name, apart.activation.Variables[v.Name], err)
	}
}

// Unmet is a validation that the pod does not meet.
type Unmet struct {
	*Validation
	// Message is the final message, constant or computed; it names the expression if what was computed is empty.
	Message string
}

// Validations returns the validations that are not met, in order. The error is always an *Error.
func (e *Evaluation) Validations() ([]Unmet, error) {
	var unmet []Unmet
	for i := range e.program.Validations {
		v := &e.program.Validations[i]
		met, present, err := e.expression(v.Expression)
		if err != nil {
			return nil, err
		}
		e.reached.note(v.Expression, met == true)
		if met == true || !present && e.trace != nil { // the trace has recorded the failure
			continue
		}
		u := Unmet{Validation: v, Message: v.Message}
		if v.MessageExpression != nil {
			text, _, err := e.expression(v.MessageExpression)
			if err != nil {
				return nil, err
			}
			u.Message, _ = text.(string)
		}
		if strings.TrimSpace(u.Message) == "" {
			u.Message = "failed expression: " + bare(v.Expression.Expression.Source())
		}
		unmet = append(unmet, u)
	}
	return unmet, nil
}

// bare returns a CEL expression as its author wrote it, without the ${ and } that mark it here.
func bare(source string) string {
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(source, "${"), "}"))
}
