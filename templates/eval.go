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

// Try evaluates a text as if it were in the template, for an instance with these parameters. in supplies all
// other variables, also the template's own by in.Variables; its parameters are replaced. t may be nil: then there
// are neither parameters nor own variables. Offsets of the error are within the text.
func (t *Template) Try(parameters Parameters, text expression.Text, in expression.Activation) (Tried, *expression.Error) {
	environment := expression.NewCompiler().Environment(Declarations(parameters.params))
	if t != nil {
		for _, v := range t.Program().Variables {
			own, _ := expression.Scan(v.Expression.Source()) // it was loaded
			_, environment, _ = environment.Declare(v.Name, own)
		}
	}
	x, fault := environment.Compile(text, nil)
	if fault != nil {
		return Tried{}, fault
	}
	in.Parameters = parameters.values
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

// OwnVariables returns the values of the template's own variables for an instance with these parameters, without
// those whose evaluation fails. in supplies all other variables.
func (t *Template) OwnVariables(parameters Parameters, in expression.Activation) map[string]any {
	in.Parameters = parameters.values
	own := map[string]any{}
	t.Program().Evaluation(in, nil).Own(func(name string, value any, err error) {
		if err == nil {
			own[name] = value
		}
	})
	return own
}
