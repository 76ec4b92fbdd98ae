package templates

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Tried is the result of Try.
type Tried struct {
	// Value is as returned by expression.Expression.Evaluate; Present is false for an empty optional.
	Value   any
	Present bool
	// Type is the expression's type; Cost is in CEL's units of work.
	Type string
	Cost uint64
}

// Try evaluates a text as if it were in a template with these parameters. in supplies all other variables;
// its parameters are replaced. Offsets of the error are within the text.
func (p Parameters) Try(text expression.Text, in expression.Activation) (Tried, *expression.Error) {
	var declared []expression.Parameter
	for _, param := range p.params {
		declared = append(declared, expression.Parameter{Name: param.Name, Type: param.Type})
	}
	x, fault := expression.NewCompiler().Environment(declared).Compile(text, nil)
	if fault != nil {
		return Tried{}, fault
	}
	in.Parameters = p.values
	if in.Parameters == nil {
		in.Parameters = map[string]any{}
	}
	tried, budget := Tried{Type: x.Type()}, expression.Budget{}
	value, present, err := x.Evaluate(&in, &budget)
	if err != nil {
		if !errors.As(err, &fault) {
			fault = &expression.Error{Reason: expression.ExpressionFailed, Message: err.Error()}
		}
		return Tried{}, fault
	}
	tried.Value, tried.Present, tried.Cost = value, present, budget.Spent()
	return tried, nil
}
