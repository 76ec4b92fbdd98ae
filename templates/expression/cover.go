package expression

import (
	"cmp"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// Arm is one of the two arms of a conditional (? :).
type Arm struct {
	// Offset is the byte offset of the question mark in the text that contains the expression.
	Offset int
	// Taken is the value of the condition for which the arm is evaluated.
	Taken bool
}

// Arms is the set of arms that evaluations took.
type Arms map[Arm]bool

// Arms returns all arms of the expression's conditionals, in the order of the text.
func (x *Expression) Arms() []Arm {
	var all []Arm
	for program, start := range x.programs() {
		for _, offset := range program.conditions() {
			all = append(all, Arm{start + offset, true}, Arm{start + offset, false})
		}
	}
	slices.SortStableFunc(all, func(a, b Arm) int { return cmp.Compare(a.Offset, b.Offset) })
	return all
}

// conditions returns the offsets of the question marks of conditionals, by the node of the condition.
// Conditionals that result from the expansion of a macro are left out.
func (p *program) conditions() map[int64]int {
	parsed, issues := theLanguage().env.Parse(p.source)
	if issues.Err() != nil {
		return nil
	}
	tree := parsed.NativeRep()
	a := &analysis{source: p.source, info: tree.SourceInfo()}
	found := map[int64]int{}
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Conditional {
			return
		}
		if at := a.offset(e); at < len(p.source) && p.source[at] == '?' {
			found[e.AsCall().Args()[0].ID()] = at
		}
	}))
	return found
}

// observed returns a new plan of the program that records the arms that an evaluation takes. offset is that
// of the source within its text.
func (p *program) observed(taken Arms, offset int) (cel.Program, *Error) {
	conditions := p.conditions()
	watch := cel.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		at, ok := conditions[i.ID()]
		if !ok {
			return i, nil
		}
		return watched{i, func(value bool) { taken[Arm{offset + at, value}] = true }}, nil
	})
	_, plan, err := p.compiler.plan(p.source, p.needs.declared(), watch)
	return plan, err
}

// watched reports the value of a condition to note.
type watched struct {
	interpreter.InterpretableV2
	note func(bool)
}

// Eval implements interpreter.Interpretable.
func (w watched) Eval(in interpreter.Activation) ref.Val { return w.told(w.InterpretableV2.Eval(in)) }

// Exec implements interpreter.InterpretableV2.
func (w watched) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	return w.told(w.InterpretableV2.Exec(frame))
}

func (w watched) told(value ref.Val) ref.Val {
	if b, ok := value.(types.Bool); ok {
		w.note(bool(b))
	}
	return value
}
