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
