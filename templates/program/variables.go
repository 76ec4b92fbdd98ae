package program

import "slices"

// know evaluates the variables that an expression reads, unless they have been. It is false
// where one failed that the trace has noted.
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

// Own evaluates all variables of the template's own and visits them in their order. What nothing else
// has read is not recorded, and what it costs not counted.
func (e *Evaluation) Own(visit func(name string, value any, err error)) {
	apart := *e
	apart.record, apart.reached, apart.failed = nil, nil, nil
	for _, v := range e.program.Variables {
		_, err := apart.know([]string{v.Name})
		visit(v.Name, apart.activation.Variables[v.Name], err)
	}
}

// Unmet is a demand that is not met.
type Unmet struct {
	*Validation
	// Message is the sentence, of whichever way it is made.
	Message string
}

// Validations gives the demands that are not met, in their order. The error is always an *Error.
func (e *Evaluation) Validations() ([]Unmet, error) {
	var unmet []Unmet
	for i := range e.program.Validations {
		v := &e.program.Validations[i]
		met, present, err := e.expression(v.Expression)
		if err != nil {
			return nil, err
		}
		e.reached.note(v.Expression, met == true)
		if met == true || !present && e.trace != nil { // what failed has been noted
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
		unmet = append(unmet, u)
	}
	return unmet, nil
}
