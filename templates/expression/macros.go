package expression

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// optionalMacro expands optMap and optFlatMap as CEL does, but holds what they are called on in a
// variable. CEL writes it twice, so that of a chain of them each doubles the tree: 400
// bytes take seconds to check.
func optionalMacro(flat bool) cel.MacroFactory {
	return func(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		if args[0].Kind() != ast.IdentKind {
			name := "optMap"
			if flat {
				name = "optFlatMap"
			}
			return nil, f.NewError(args[0].ID(), name+"() variable name must be a simple identifier")
		}
		// A comprehension over nothing gives its accumulator, which is the variable.
		bind := func(name string, value, within ast.Expr) ast.Expr {
			return f.NewComprehension(f.NewList(), "#unused", name, value, f.NewLiteral(types.False), f.NewIdent(name), within)
		}
		mapped := bind(args[0].AsIdent(), f.NewMemberCall("value", f.NewIdent(optionalVariable)), args[1])
		if !flat {
			mapped = f.NewCall("optional.of", mapped)
		}
		return bind(optionalVariable, target, f.NewCall(operators.Conditional,
			f.NewMemberCall("hasValue", f.NewIdent(optionalVariable)), mapped, f.NewCall("optional.none"))), nil
	}
}

// optionalVariable holds an optional; no expression can name it. Within another one's it
// hides that, which is not read there any more.
const optionalVariable = "@optional"

// largestTree bounds the nodes of an expression once its macros are expanded. The longest
// text has 8,192 characters, and a macro some ten nodes for the four or more that it is written with.
const largestTree = 50_000

// tooManyNodes says whether a tree has more than largestTree nodes.
func tooManyNodes(e ast.Expr) bool {
	left := largestTree
	var count func(e ast.Expr)
	count = func(e ast.Expr) {
		if left--; left < 0 {
			return
		}
		switch e.Kind() {
		case ast.CallKind:
			if e.AsCall().IsMemberFunction() {
				count(e.AsCall().Target())
			}
			for _, arg := range e.AsCall().Args() {
				count(arg)
			}
		case ast.ComprehensionKind:
			c := e.AsComprehension()
			for _, part := range []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
				count(part)
			}
		case ast.ListKind:
			for _, item := range e.AsList().Elements() {
				count(item)
			}
		case ast.MapKind:
			for _, entry := range e.AsMap().Entries() {
				count(entry.AsMapEntry().Key())
				count(entry.AsMapEntry().Value())
			}
		case ast.StructKind:
			for _, field := range e.AsStruct().Fields() {
				count(field.AsStructField().Value())
			}
		case ast.SelectKind:
			count(e.AsSelect().Operand())
		}
	}
	count(e)
	return left < 0
}
