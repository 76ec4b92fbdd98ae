package expression

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// largestValue is the maximum size of an expression's value: the number of values, plus one for each
// bytesOfValue bytes of text. Values stay in memory while a template is rendered, so that their text costs more
// than that which an expression only reads.
const (
	largestValue = 100_000
	bytesOfValue = 20
)

// programCost is added to each evaluation of a program, in units of work: it may have to be planned first
// (see plans), which takes about as long as so many comparisons.
const programCost = 200

// run evaluates the program. The error's offset is within its source.
func (p *program) run(in *Activation, budget *Budget) (value any, present bool, err *Error) {
	if err := budget.spend(programCost); err != nil {
		return nil, false, err
	}
	plan, err := p.planned()
	if in.Arms != nil && err == nil {
		plan, err = p.observed(in.Arms, in.armsOffset)
	}
	if err != nil {
		return nil, false, err
	}
	result, details, failure := plan.Eval(&bindings{Activation: in, shallowPod: !p.uses.deep(podVariable), shallowApp: !p.uses.deep(appVariable), shallowTarget: !p.uses.deep(targetVariable)})
	cost := uint64(ExpressionLimit) // the cost if the evaluation was stopped
	if details != nil && details.ActualCost() != nil {
		cost = *details.ActualCost()
	}
	if err := budget.spend(cost); err != nil && failure == nil {
		return nil, false, err
	}
	if failure != nil {
		return nil, false, p.failure(failure)
	}
	left := largestValue
	value, present, err = native(result, &left, 0)
	if err == nil {
		err = budget.spend(uint64(largestValue - left))
	}
	return value, present, err
}

// failure converts an error of CEL's evaluation.
func (p *program) failure(failure error) *Error {
	var cancelled interpreter.EvalCancelledError
	if errors.As(failure, &cancelled) {
		return &Error{
			Reason:  ExpressionCost,
			Message: fmt.Sprintf("the expression took more than %d units of work", ExpressionLimit),
		}
	}
	var own *Error
	if errors.As(failure, &own) {
		return own
	}
	var limit *limitError
	if errors.As(failure, &limit) {
		return &Error{Reason: ExpressionCost, Message: limit.Error()}
	}
	err := &Error{Reason: ExpressionFailed, Message: printed(failure.Error())}
	var celError *types.Err
	if !errors.As(failure, &celError) {
		return err
	}
	node := p.node(celError.NodeID(), missing(failure.Error()))
	if node == nil {
		return err
	}
	err.Offset = node.offset
	if node.selection {
		err.Hint = "where a field or item may be absent, write .?NAME or [?INDEX] and orValue(…)"
	}
	return err
}

// printed makes a message of CEL safe for a log line: it may contain a value of the pod.
func printed(text string) string {
	return oneLine(message.Printable(message.Cut(text, longestMessage)))
}

const longestMessage = 200

// missing returns the key or index that a message of CEL says is absent; "" if it says something else.
func missing(message string) string {
	for _, says := range []string{"no such key: ", "index out of bounds: "} {
		if name, ok := strings.CutPrefix(message, says); ok {
			return name
		}
	}
	return ""
}

type failedNode struct {
	offset    int
	selection bool
}

// node returns a node of the syntax tree. The tree is not kept, because errors are rare and trees are large;
// parsing the source again assigns the same IDs. For a.b.c CEL tells only the last selection: missing is the
// key or index that is absent, and so which one it is; "" if unknown.
func (p *program) node(id int64, missing string) *failedNode {
	parsed, issues := theLanguage().env.Parse(p.source)
	if issues.Err() != nil {
		return nil
	}
	tree := parsed.NativeRep()
	var found *failedNode
	a := &analysis{source: p.source, info: tree.SourceInfo()}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.ID() != id || found != nil {
			return
		}
		e = selecting(e, missing)
		found = &failedNode{offset: a.offset(e)}
		switch e.Kind() {
		case ast.SelectKind:
			found.selection, found.offset = true, a.fieldOffset(e)
		case ast.IdentKind:
			found.selection = true
		case ast.CallKind:
			found.selection = e.AsCall().FunctionName() == operators.Index
		}
	}))
	return found
}

// selecting returns the first selection of a chain such as a.b[0].c that selects the key or index; the last
// one if none does.
func selecting(last ast.Expr, name string) ast.Expr {
	found := last
	for e := last; ; {
		switch {
		case e.Kind() == ast.SelectKind:
			if e.AsSelect().FieldName() == name {
				found = e
			}
			e = e.AsSelect().Operand()
		case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Index:
			if index := e.AsCall().Args()[1]; index.Kind() == ast.LiteralKind && fmt.Sprint(index.AsLiteral().Value()) == name {
				found = e
			}
			e = e.AsCall().Args()[0]
		default:
			return found
		}
	}
}
