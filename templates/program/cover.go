package program

import "github.com/sidecar-injector/sidecar-injector/templates/expression"

// Reached is what evaluations reached of a program, by node. A nil one takes nothing in.
type Reached map[*Node]*reach

// reach is what evaluations came upon at one expression.
type reach struct {
	// yes and no: as a condition or a validation it was true, false; as the list of a $each it had elements, none.
	yes, no bool
	arms    expression.Arms
}

// BranchKind says what leads to a Branch.
type BranchKind string

// The kinds.
const (
	WhenBranch        BranchKind = "$when"
	EachBranch        BranchKind = "$each"
	ConditionalBranch BranchKind = "? :"
	ValidationBranch  BranchKind = "validation"
)

// Branch is one of the two ways on from a place in a template.
type Branch struct {
	Kind BranchKind
	// Line and Column are where the scalar's text begins, counted as the program's Line is; Offset is
	// the byte of the branch in it.
	Line, Column, Offset int
	// Yes is the branch of a condition or validation that is true, of a list that has elements.
	Yes     bool
	Reached bool
}

// Observe makes the evaluation note what it reaches.
func (e *Evaluation) Observe(reached Reached) { e.reached = reached }

func (r Reached) at(n *Node) *reach {
	if r[n] == nil {
		r[n] = &reach{arms: expression.Arms{}}
	}
	return r[n]
}

// note takes in which way a condition or list went.
func (r Reached) note(n *Node, yes bool) {
	switch {
	case r == nil:
	case yes:
		r.at(n).yes = true
	default:
		r.at(n).no = true
	}
}

// arms take in what a node's expression does; nil where nobody wants to know.
func (r Reached) arms(n *Node) expression.Arms {
	if r == nil {
		return nil
	}
	return r.at(n).arms
}

// Branches are all of the program, each with whether it was reached.
func (p *Program) Branches(reached Reached) []Branch {
	if reached == nil {
		reached = Reached{}
	}
	var all []Branch
	add := func(kind BranchKind, n *Node, offset int, yes, was bool) {
		all = append(all, Branch{Kind: kind, Line: n.Place.Line, Column: n.Place.Column, Offset: offset, Yes: yes, Reached: was})
	}
	both := func(kind BranchKind, n *Node) {
		if n != nil && n.Form == ExpressionForm {
			add(kind, n, 0, true, reached.at(n).yes)
			add(kind, n, 0, false, reached.at(n).no)
		}
	}
	for _, v := range p.Validations {
		both(ValidationBranch, v.Expression)
	}
	for _, root := range p.roots() {
		root.Walk(func(n *Node) {
			both(WhenBranch, n.When)
			both(EachBranch, n.Each)
			if n.Expression == nil {
				return
			}
			for _, arm := range n.Expression.Arms() {
				add(ConditionalBranch, n, arm.Offset, arm.Taken, reached.at(n).arms[arm])
			}
		})
	}
	return all
}
