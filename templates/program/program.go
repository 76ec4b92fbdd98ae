// Package program is a template made ready for rendering: trees in which everything constant is
// folded into finished values, so that a rendering evaluates the expressions and builds the
// mappings and lists around them, and nothing else.
//
// The values that it gives are Objects: JSON objects that keep the order in which the template
// writes their members.
package program

import "github.com/sidecar-injector/sidecar-injector/templates/expression"

// Program is what is left to evaluate of a template. It is immutable once it is compact.
type Program struct {
	// Line is that of the document that it was compiled from.
	Line int
	// App and Pod are the sections of the template; nil where it has none. Permissions is a list
	// apart, for an admission has no use for it.
	App, Pod, Permissions *Node
	// Reads is what all expressions of App and Pod read together.
	Reads expression.Uses
}

// New gives the program of these trees.
func New(line int, app, pod, permissions *Node) *Program {
	both := &Node{}
	for _, n := range []*Node{pod, app} {
		if n != nil {
			both.Items = append(both.Items, n)
		}
	}
	return &Program{Line: line, App: app, Pod: pod, Permissions: permissions, Reads: both.Uses()}
}

// Compact forgets what only the checks at load need: the places and parts of
// constants, which are most of a template.
func (p *Program) Compact() {
	for _, root := range []*Node{p.App, p.Pod, p.Permissions} {
		root.Walk(func(n *Node) {
			if n.Form == ConstantForm {
				n.Members, n.Items, n.Want, n.Place = nil, nil, nil, Place{}
			}
		})
	}
}
