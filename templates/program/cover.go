package program

import "github.com/sidecar-injector/sidecar-injector/templates/expression"

// Reached records the branches of a program that evaluations reached, by node. A nil Reached records nothing.
type Reached map[*Node]*reach

// reach is the record of one expression.
type reach struct {
	// yes and no say that a condition or validation was true or false, or that the list of a $each had
	// elements or none.
	yes, no bool
	arms    expression.Arms
}

// BranchKind is the construct that a Branch belongs to.
type BranchKind string

// The kinds.
const (
	WhenBranch        BranchKind = "$when"
	EachBranch        BranchKind = "$each"
	ConditionalBranch BranchKind = "? :"
	ValidationBranch  BranchKind = "validation"
)

// Branch is one of the two branches of a condition, validation or list in a template.
type Branch struct {
	Kind BranchKind
	// Line and Column are its place in the file, counted as the program's Line is.
	Line, Column int
	// Yes says that it is the branch for a condition or validation that is true, or for a list that has
	// elements.
	Yes     bool
	Reached bool
}

// Observe makes the evaluation record in reached which branches it takes.
func (e *Evaluation) Observe(reached Reached) { e.reached = reached }

func (r Reached) at(n *Node) *reach {
	if r[n] == nil {
		r[n] = &reach{arms: expression.Arms{}}
	}
	return r[n]
}

// note records the result of a condition or list.
func (r Reached) note(n *Node, yes bool) {
	switch {
	case r == nil:
	case yes:
		r.at(n).yes = true
	default:
		r.at(n).no = true
	}
}

// arms returns the record of a node's conditionals; nil if nothing is recorded.
func (r Reached) arms(n *Node) expression.Arms {
	if r == nil {
		return nil
	}
	return r.at(n).arms
}

// Branches returns all branches of the program, each with whether it was reached.
func (p *Program) Branches(reached Reached) []Branch {
	if reached == nil {
		reached = Reached{}
	}
	var all []Branch
	add := func(kind BranchKind, n *Node, offset int, yes, was bool) {
		line, column := n.Locate(offset)
		all = append(all, Branch{Kind: kind, Line: line, Column: column, Yes: yes, Reached: was})
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
