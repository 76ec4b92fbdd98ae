package expression

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
)

// Presence is a question whether a parameter is there, has(params.x) or params.?x, to which the answer is
// always yes: a parameter that is not given has its default or the zero value of its type.
type Presence struct {
	Parameter string
	// Offset is that of the parameter's name in the text.
	Offset int
}

// Comparison is a comparison of a parameter, or of its items, or of the kind of a variable, with a constant text.
type Comparison struct {
	// One of Parameter and KindOf is set.
	Parameter, KindOf, Text string
	// Offset is that of the constant in the text.
	Offset int
}

// presences are those of one expression. Where the expression also looks at the parameter's value, or gives
// its zero value in the place of an absent one, the question does no harm.
type presences struct {
	asked    []Presence
	harmless map[string]bool
	compared []Comparison
	// conditions counts the conditions and comparisons around what is being analysed.
	conditions int
}

// Presences returns the questions whether a parameter is there of which the author probably expects that the
// answer can be no, in the order of the text.
func (x *Expression) Presences() []Presence {
	var all []Presence
	for program, offset := range x.programs() {
		for _, asked := range program.presences {
			asked.Offset += offset
			all = append(all, asked)
		}
	}
	return all
}

// Comparisons returns the comparisons of parameters and kinds with constant texts, in the order of the text.
func (x *Expression) Comparisons() []Comparison {
	var all []Comparison
	for program, offset := range x.programs() {
		for _, c := range program.compared {
			c.Offset += offset
			all = append(all, c)
		}
	}
	return all
}

func (p *presences) ask(parameter string, offset int) {
	p.asked = append(p.asked, Presence{parameter, offset})
}

// read notes that the value of a parameter is read.
func (p *presences) read(parameter string) {
	if p.conditions > 0 {
		p.excuse(parameter)
	}
}

func (p *presences) excuse(parameter string) {
	if p.harmless == nil {
		p.harmless = map[string]bool{}
	}
	p.harmless[parameter] = true
}

func (p *presences) result() []Presence {
	asked := slices.DeleteFunc(p.asked, func(asked Presence) bool { return p.harmless[asked.Parameter] })
	return slices.Compact(asked) // macros repeat what they are given
}

// enter notes a call whose arguments are about to be analysed, and returns how many conditions the argument
// of each index adds; what a method is called on counts as the first one.
func (a *analysis) enter(call ast.CallExpr) func(argument int) int {
	args := call.Args()
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		a.compare(args[0], args[1])
		a.compare(args[1], args[0])
	case operators.In:
		a.compare(args[1], args[0])
		if args[1].Kind() == ast.ListKind {
			for _, item := range args[1].AsList().Elements() {
				a.compare(args[0], item)
			}
		}
	}
	switch call.FunctionName() {
	case operators.Conditional:
		// has(params.x) ? params.x : ""
		if tested := askedIn(args[0]); tested != "" && isZero(args[2]) && readIn(args[1]) == tested {
			a.excuse(tested)
		}
		return func(argument int) int { return 1 - min(argument, 1) }
	case "orValue":
		// params.?x.orValue("")
		if call.IsMemberFunction() && len(args) == 1 && isZero(args[0]) {
			if tested := askedIn(call.Target()); tested != "" {
				a.excuse(tested)
			}
		}
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
		operators.In, operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, "size":
		return func(int) int { return 1 }
	}
	return func(int) int { return 0 }
}

// compare notes that a parameter, or the kind of a variable, is compared with a constant text, if these are what the
// expressions are.
func (a *analysis) compare(value, constant ast.Expr) {
	name, of := readIn(value), kindIn(value)
	if name == "" && of == "" || constant.Kind() != ast.LiteralKind {
		return
	}
	if text, ok := constant.AsLiteral().(types.String); ok {
		a.compared = append(a.compared, Comparison{name, of, string(text), a.offset(constant)})
	}
}

// kindIn returns the variable x of x.kind, pod or workload; "" for other expressions.
func kindIn(e ast.Expr) string {
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() || e.AsSelect().FieldName() != "kind" || e.AsSelect().Operand().Kind() != ast.IdentKind {
		return ""
	}
	if name := e.AsSelect().Operand().AsIdent(); name == podVariable || name == workloadVariable {
		return name
	}
	return ""
}

// askedIn returns the parameter x of has(params.x) and params.?x; "" for other expressions.
func askedIn(e ast.Expr) string {
	switch {
	case e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() && isParams(e.AsSelect().Operand()):
		return untypedName(e.AsSelect().FieldName())
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.OptSelect && isParams(e.AsCall().Args()[0]):
		if name, ok := e.AsCall().Args()[1].AsLiteral().(types.String); ok {
			return string(name)
		}
	}
	return ""
}

// readIn returns the parameter x of params.x; "" for other expressions.
func readIn(e ast.Expr) string {
	if e.Kind() == ast.SelectKind && !e.AsSelect().IsTestOnly() && isParams(e.AsSelect().Operand()) {
		return untypedName(e.AsSelect().FieldName())
	}
	return ""
}

func isParams(e ast.Expr) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == paramsVariable }

// isZero reports whether an expression is the literal that a parameter without a value has.
func isZero(e ast.Expr) bool {
	switch e.Kind() {
	case ast.ListKind:
		return e.AsList().Size() == 0
	case ast.MapKind:
		return e.AsMap().Size() == 0
	case ast.LiteralKind:
		switch value := e.AsLiteral().(type) {
		case types.String:
			return value == ""
		case types.Int:
			return value == 0
		case types.Double:
			return value == 0
		case types.Bool:
			return !bool(value)
		}
	}
	return false
}
