package expression

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// optionalMacro expands optMap and optFlatMap like CEL's macros, but binds the operand to a variable. CEL
// repeats the operand, so that each call in a chain doubles the tree: 400 bytes take seconds to check.
func optionalMacro(flat bool) cel.MacroFactory {
	return func(f cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		if args[0].Kind() != ast.IdentKind {
			name := "optMap"
			if flat {
				name = "optFlatMap"
			}
			return nil, f.NewError(args[0].ID(), name+"() variable name must be a simple identifier")
		}
		// A comprehension over an empty list returns its accumulator, which is the bound variable.
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

// optionalVariable is the name of the bound operand, which no source can contain. A nested macro shadows the
// outer variable, which its body does not read.
const optionalVariable = "@optional"

// largestTree is the maximum number of nodes of an expression with its macros expanded. The longest source
// has 8,192 characters; a macro takes at least four and expands to about ten nodes.
const largestTree = 50_000

// tooManyNodes reports whether a tree has more than largestTree nodes.
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
