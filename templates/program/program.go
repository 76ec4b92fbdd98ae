// Package program is a template made ready for rendering: trees in which everything constant is
// folded into finished values, so that a rendering evaluates the expressions and builds the
// mappings and lists around them, and nothing else.
//
// The values that it gives are Objects: JSON objects that keep the order in which the template
// writes their members.
package program

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Program is what is left to evaluate of a template. It is immutable once it is compact.
type Program struct {
	// Line is that of the document that it was compiled from.
	Line int
	// App and Pod are the sections of the template; nil where it has none. Permissions is a list
	// apart, for an admission has no use for it.
	App, Pod, Permissions *Node
	// Variables are the template's own, each after those that it reads.
	Variables []Variable
	// Validations are what it demands of the pod.
	Validations []Validation
	// Reads is what all expressions but those of Permissions read together.
	Reads expression.Uses
	// ReadsWorkload says that any expression, those of Permissions too, reads what a person wrote.
	ReadsWorkload bool

	byName map[string]*Node // of the Variables
}

// Variable is an expression with a name.
type Variable struct {
	Name string
	*Node
}

// Validation is a demand on the pod.
type Validation struct {
	Expression *Node
	// Message is the sentence for the pod's author; where MessageExpression is not nil, that gives it.
	Message           string
	MessageExpression *Node
	// Warns says that the pod gets the sidecar all the same.
	Warns bool
	// Parameter is the one at whose annotation it is told; "" if it is none's.
	Parameter string
}

// Variable is the node of a variable of the template's own; nil if there is none of that name.
func (p *Program) Variable(name string) *Node {
	return p.byName[name]
}

// roots are the trees of the program, none of them nil.
func (p *Program) roots() []*Node {
	all := []*Node{p.App, p.Pod, p.Permissions}
	for _, v := range p.Variables {
		all = append(all, v.Node)
	}
	for _, v := range p.Validations {
		all = append(all, v.Expression, v.MessageExpression)
	}
	return slices.DeleteFunc(all, func(n *Node) bool { return n == nil })
}

// Seal completes a program whose other fields are set.
func (p *Program) Seal() *Program {
	rest := slices.DeleteFunc(p.roots(), func(n *Node) bool { return n == p.Permissions })
	p.byName = make(map[string]*Node, len(p.Variables))
	for _, v := range p.Variables {
		p.byName[v.Name] = v.Node
	}
	p.Reads = (&Node{Items: rest}).Uses()
	p.ReadsWorkload = p.Reads.Workload || p.Permissions.Uses().Workload
	if p.Reads.Target {
		p.App.Weigh() // it is evaluated for each target
	}
	return p
}

// Compact forgets what only the checks at load need: the places and parts of
// constants, which are most of a template.
func (p *Program) Compact() {
	for _, root := range p.roots() {
		root.Walk(func(n *Node) {
			if n.Form == ConstantForm {
				n.Members, n.Items, n.Want, n.Place = nil, nil, nil, Place{}
			}
		})
	}
}
