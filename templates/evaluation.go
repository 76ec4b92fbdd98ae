package templates

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Evaluated is the result of one expression of a template for one instance.
type Evaluated struct {
	// Path is the field in the template; File, Line and Column are the expression's place, or that of the
	// character at which it failed, counted from 1, 0 if unknown.
	Path         string
	File         string
	Line, Column int
	// Source is the text of the field, including its expressions; "" if what failed is no expression.
	Source string
	// Value is the result: string, bool, int64, float64, []any or map[string]any; nil if there is none.
	Value any
	// Cost is in CEL's units of work; a plain look-up costs 0.
	Cost uint64
	// Message says why it failed; "" if it did not.
	Message string
}

// ExpressionLimit and RenderingLimit are the maximum cost, in CEL's units of work, of one expression and of
// all expressions of one instance.
const (
	ExpressionLimit = expression.ExpressionLimit
	RenderingLimit  = expression.RenderingLimit
)

// Evaluate renders the template and returns the result of each expression, in the order of evaluation; what
// fails is the last. own are the template's own variables, whether or not an expression reads them.
// Nothing is cached. The error is always a *program.Error.
func (t *Template) Evaluate(in *Input) (evaluated []Evaluated, own []Variable, err error) {
	defer t.containRender(&err)
	e := t.Program().Evaluation(in.Activation(), nil)
	e.Record(func(n *program.Node, value any, cost uint64) {
		x := Evaluated{Path: n.Place.At.String(), File: t.Origin.File, Source: n.Expression.Source(), Value: value, Cost: cost}
		if x.File != "" {
			x.Line, x.Column = n.Place.Line-t.Program().Line+t.Origin.Line, n.Place.Column
		}
		evaluated = append(evaluated, x)
	})
	_, err = e.Validations()
	if err == nil {
		_, err = e.Additions()
	}
	if err == nil {
		_, err = e.Permissions()
	}
	if fault := (*program.Error)(nil); errors.As(t.located(err), &fault) {
		evaluated = failed(evaluated, fault)
	}
	e.Own(func(name string, value any, failed error) {
		v := Variable{Name: "variables." + name, Value: value}
		if failed != nil {
			v.Message = t.located(failed).Error()
		}
		own = append(own, v)
	})
	return evaluated, own, err
}

// failed returns the results with what failed as the last one, at the place of the fault.
func failed(all []Evaluated, fault *program.Error) []Evaluated {
	if last := len(all) - 1; last < 0 || all[last].Path != fault.Path {
		all = append(all, Evaluated{Path: fault.Path, File: fault.File})
	}
	x := &all[len(all)-1]
	x.Message = fault.Message
	if x.File != "" {
		x.Line, x.Column = fault.Line, fault.Column
	}
	return all
}

// Variable is a variable of expressions with its value.
type Variable struct {
	Name string
	// Value is a string, bool, int64, float64, []any or map[string]any; nil if it has none.
	Value any
	// Message says why the evaluation failed; "" if it did not.
	Message string
}

// Variables returns the variables of one instance, except the template's own, in the order of the
// documentation. Of the pod it has only name and namespace: the caller has the rest.
func (t *Template) Variables(in *Input) []Variable {
	var all []Variable
	add := func(name string, value any) { all = append(all, Variable{Name: name, Value: value}) }
	for _, name := range t.parameterNames {
		add("params."+name, in.Parameters.values[name])
	}
	add("instance", in.Instance)
	add("index", int64(in.Index))
	add("native", in.Native)
	if in.App != nil {
		if object, err := in.App.Object(); err == nil {
			add("app", object)
		}
	}
	if in.Pod != nil {
		add("pod.metadata.name", in.Pod.Name())
		add("pod.metadata.namespace", in.Pod.Namespace())
	}
	add("namespaceObject.name", in.NamespaceName)
	add("namespaceObject.labels", anyMap(in.NamespaceLabels))
	add("namespaceObject.annotations", anyMap(in.NamespaceAnnotations))
	add("cluster", anyMap(in.Cluster))
	add("workload.kind", in.WorkloadKind)
	add("workload.name", in.WorkloadName)
	return all
}

func anyMap(texts map[string]string) map[string]any {
	m := make(map[string]any, len(texts))
	for name, text := range texts {
		m[name] = text
	}
	return m
}
