package expression

import (
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Whole returns a Text that consists of one expression, for fields that hold CEL without ${}. Offsets of its
// errors are within the source.
func Whole(source string) Text { return Text{Parts: []Part{{Expression: true, Text: source}}} }

// WithTarget returns a copy of the Environment with the variable target, for the fields added to the app's
// containers.
func (e *Environment) WithTarget() *Environment {
	within := *e
	within.target = true
	return &within
}

// OnlyPod returns a copy of the Environment that has no variables but pod and namespaceObject, for expressions
// about a pod that are outside of a template.
func (e *Environment) OnlyPod() *Environment {
	within := *e
	within.onlyPod = true
	return &within
}

// deepestVariable is the maximum nesting of lists and maps in a variable's value. The estimate of typeSizes
// for expressions that read variables is correct up to that depth.
const deepestVariable = 4

// Declare compiles the expression of one of the template's own variables. The returned Environment also has
// the variable, as variables.NAME, and is for the expressions after it; if there is an error, the variable
// has type any.
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
		return nil, e.with(name, schema.NewScalar(schema.Any)), &Error{Offset: x.parts[0].start, Reason: ExpressionType,
			Message: "the value of a variable cannot be optional", Hint: "say what it is where there is none, with orValue(…)"}
	}
	s := e.compiler.language.schemaOf(output, 0)
	if s == nil {
		return nil, e.with(name, schema.NewScalar(schema.Any)), &Error{Offset: x.parts[0].start, Reason: ExpressionType,
			Message: message.Article(typeName(output)) + " cannot be the value of a variable", Hint: "its lists and maps are too deep within each other"}
	}
	return x, e.with(name, s), nil
}

func (e *Environment) with(name string, s *schema.Schema) *Environment {
	within := *e
	fields := append(e.variables.Fields[:len(e.variables.Fields):len(e.variables.Fields)], schema.Field{Name: name, Schema: s})
	within.variables = schema.NewObject(variablesVariable, fields...)
	return &within
}

// schemaOf returns the schema of a CEL type that JSON can represent; nil if it is nested too deeply.
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
	return schema.NewScalar(schema.String) // native converts quantities and other opaque values to strings
}

// Functions returns the names of the functions that expressions may call, sorted, without operators and
// macros.
func Functions() []string {
	return slices.DeleteFunc(slices.Clone(theLanguage().functions), func(name string) bool {
		return strings.ContainsAny(name, "_@") || name == "in" || slices.Contains(authorizerFunctions, name)
	})
}

// indexed reports a parameter or variable that is selected as from a map: params["x"].
func (a *analysis) indexed(args []ast.Expr, in *scope) {
	if args[0].Kind() != ast.IdentKind || args[1].Kind() != ast.LiteralKind {
		return
	}
	of := a.ident(args[0], in)
	name, text := args[1].AsLiteral().(types.String)
	if !text || !declares(of.root) || of.schema == nil {
		return
	}
	if _, there := of.schema.Field(string(name)); there {
		a.fail(a.offset(args[0]), ExpressionType, of.root+" has no value of its own", "write "+of.root+"."+string(name))
	}
}
