package expression

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Whole is the text that is one expression, for places that hold CEL without ${}. Offsets of its
// errors are within the source.
func Whole(source string) Text { return Text{Parts: []Part{{Expression: true, Text: source}}} }

// WithTarget is the Environment of what the app's containers get: it has the variable target besides.
func (e *Environment) WithTarget() *Environment {
	within := *e
	within.target = true
	return &within
}

// deepestVariable bounds the lists and maps within each other that a variable may hold: what
// typeSizes says of an expression that reads it holds up to that.
const deepestVariable = 4

// Declare compiles the expression of a variable of the template's own. The Environment that comes
// with it has the variable besides, as variables.NAME, and is for what stands after it; where there is
// an error, as one of any type.
func (e *Environment) Declare(name string, text Text) (*Expression, *Environment, *Error) {
	x, err := e.Compile(text, nil)
	if err != nil {
		return nil, e.with(name, schema.NewScalar(schema.Any)), err
	}
	output := x.output
	if output == nil {
		output = cel.StringType // of a constant, or of text around expressions
	}
	if x.optional {
		return nil, e.with(name, schema.NewScalar(schema.Any)), &Error{Offset: x.parts[0].offset, Reason: ExpressionType,
			Message: "the value of a variable cannot be optional", Hint: "say what it is where there is none, with orValue(…)"}
	}
	s := e.compiler.language.schemaOf(output, 0)
	if s == nil {
		return nil, e.with(name, schema.NewScalar(schema.Any)), &Error{Offset: x.parts[0].offset, Reason: ExpressionType,
			Message: article(typeName(output)) + " cannot be the value of a variable", Hint: "its lists and maps are too deep within each other"}
	}
	return x, e.with(name, s), nil
}

func (e *Environment) with(name string, s *schema.Schema) *Environment {
	within := *e
	fields := append(e.variables.Fields[:len(e.variables.Fields):len(e.variables.Fields)], schema.Field{Name: name, Schema: s})
	within.variables = schema.NewObject(variablesVariable, fields...)
	return &within
}

// schemaOf describes the values of a type that JSON can hold; nil where they are too deep.
func (l *language) schemaOf(t *cel.Type, depth int) *schema.Schema {
	if depth > deepestVariable {
		return nil
	}
	switch t.Kind() {
	case types.ListKind:
		element, _ := unwrapOptional(t.Parameters()[0])
		if s := l.schemaOf(element, depth+1); s != nil {
			return schema.NewList(s)
		}
		return nil
	case types.MapKind:
		value, _ := unwrapOptional(t.Parameters()[1])
		if s := l.schemaOf(value, depth+1); s != nil {
			return schema.NewMap(s)
		}
		return nil
	case types.IntKind, types.UintKind:
		return schema.NewScalar(schema.Integer)
	case types.DoubleKind:
		return schema.NewScalar(schema.Number)
	case types.BoolKind:
		return schema.NewScalar(schema.Boolean)
	case types.StructKind:
		if s := l.objects[t.TypeName()]; s != nil {
			return s
		}
	}
	if dynamic(t) {
		return schema.NewScalar(schema.Any)
	}
	return schema.NewScalar(schema.String) // as native writes quantities and the like
}

// Functions are the names of the functions that expressions may call, sorted, without operators
// and macros.
func Functions() []string {
	return slices.DeleteFunc(slices.Clone(theLanguage().functions), func(name string) bool {
		return strings.ContainsAny(name, "_@") || name == "in" || slices.Contains(authorizerFunctions, name)
	})
}
