package expression

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/interpreter"
)

// loopFunction is the name under which a loop's constant condition is counted; it has no work.
const loopFunction = "@loop"

// loops returns the program option that keeps the time of a loop linear. CEL's cost tracker pushes the values
// of a loop's condition and step in each iteration and removes none of them before the end of the loop, and at
// each variable it searches all of them: 16,000 iterations took a second. So each condition claims its own
// value of the iteration before as an operand: the tracker then removes that and all that is above.
func loops(tree *ast.AST) cel.ProgramOption {
	conditions := map[int64]bool{}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() == ast.ComprehensionKind {
			conditions[e.AsComprehension().LoopCondition().ID()] = true
		}
	}))
	return cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if !conditions[i.ID()] {
			return i, nil
		}
		before := plain{i} // has the condition's ID; it is not evaluated
		switch condition := i.(type) {
		case interpreter.InterpretableCall:
			args := append([]interpreter.InterpretableV2{before}, condition.Args()...)
			return &loopCondition{i, condition.Function(), condition.OverloadID(), args}, nil
		case interpreter.InterpretableConst:
			return &loopCondition{i, loopFunction, "", []interpreter.InterpretableV2{before}}, nil
		}
		return i, nil
	})
}

// loopCondition is the condition of a loop as the cost tracker sees it. It implements
// interpreter.InterpretableCall.
type loopCondition struct {
	interpreter.InterpretableV2
	function, overload string
	args               []interpreter.InterpretableV2
}

func (c *loopCondition) Function() string                    { return c.function }
func (c *loopCondition) OverloadID() string                  { return c.overload }
func (c *loopCondition) Args() []interpreter.InterpretableV2 { return c.args }
