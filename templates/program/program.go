// Package program holds a template compiled for rendering: trees in which all constants are folded into
// finished values, so that a rendering only evaluates the expressions and builds the mappings and lists
// around them.
//
// The resulting values are Objects: JSON objects that keep the template's order of members.
package program

import (
	"iter"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Program is a compiled template. It is immutable after Compact.
type Program struct {
	// Line is that of the document that it was compiled from.
	Line int
	// App and Pod are the sections of the template; nil if it has none. Permissions is a separate list, which
	// is not evaluated for an admission.
	App, Pod, Permissions *Node
	// Variables are the template's own, each after those that it reads.
	Variables []Variable
	// Validations are the template's conditions on the pod.
	Validations []Validation
	// Reads is what all expressions, except those of Permissions, read together.
	Reads expression.Uses
	// ReadsWorkload says that any expression, including those of Permissions, reads workload.
	ReadsWorkload bool
	// Planning is what it takes to plan all expressions, except those of Permissions, in CEL's units of work.
	Planning int

	byName map[string]*Node // of the Variables
}

// Variable is an expression with a name.
type Variable struct {
	Name string
	*Node
}

// Validation is a condition that the pod has to meet.
type Validation struct {
	Expression *Node
	// Message is the message for the pod's author, unless MessageExpression, if not nil, computes it.
	Message           string
	MessageExpression *Node
	// Warns says that a pod that does not meet it gets a warning, and still the sidecar.
	Warns bool
	// Parameter is the name of the parameter whose annotation is reported as the cause; "" if there is none.
	Parameter string
}

// Variable returns the node of one of the template's own variables; nil if there is none of that name.
func (p *Program) Variable(name string) *Node {
	return p.byName[name]
}

// Containers yields the containers that the pod gets, as they are written, init containers first, each with its list.
func (p *Program) Containers() iter.Seq2[List, *Node] {
	return func(yield func(List, *Node) bool) {
		spec := p.Pod.Member("spec")
		for _, list := range []*Node{spec.Member("initContainers"), spec.Member("containers")} {
			if list == nil {
				continue
			}
			for _, c := range list.Items {
				if !yield(list.List, c) {
					return
				}
			}
		}
	}
}

// roots returns the trees of the program that are not nil.
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
	planned := map[*expression.Expression]bool{nil: true}
	for _, root := range rest {
		root.Walk(func(n *Node) {
			if !planned[n.Expression] {
				planned[n.Expression] = true
				p.Planning += n.Expression.Planning()
			}
		})
	}
	p.ReadsWorkload = p.Reads.Workload || p.Permissions.Uses().Workload
	if p.Reads.Target {
		p.App.Weigh() // it is evaluated for each target
	}
	return p
}

// Compact drops what only the checks at load time need: the places and parts of constants, which are most of
// a template.
func (p *Program) Compact() {
	for _, root := range p.roots() {
		root.Walk(func(n *Node) {
			if n.Form == ConstantForm {
				n.Members, n.Items, n.Want, n.Place = nil, nil, nil, Place{}
			}
		})
	}
}
