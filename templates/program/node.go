package program

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Node is one value of a template: constant, an expression, or a mapping or list
// that holds an expression somewhere.
type Node struct {
	Form  Form
	Value any // of a constant; until Compact its members and items stay, because they know their places
	// Expression of an expression; Want is what its value must be, nil: anything.
	Expression *expression.Expression
	Want       *schema.Schema
	Members    []NodeMember
	Items      []*Node

	// When leaves the value out when it is false; nil: never.
	When *Node
	// Each is the list for whose elements an item of a list is made; nil: the item is made once.
	Each *Node
	// Indirect is what an expression reads by way of others: of the list that it gets its elements from, within
	// an item with $each, and of the template's own variables.
	Indirect expression.Uses
	// Needs is the member without which a mapping is left out; "" if there is none.
	Needs string
	// Item is what the template says beside the fields of the items of a List.
	Item *Item
	// List says which list this is, whose items are placed.
	List List

	Place Place

	// eachValues and eachText are how much one element of Each adds: its values, and the bytes
	// of the texts among them that are no expressions.
	eachValues, eachText int
}

// Form is what kind of value a Node is.
type Form uint8

// The forms of a Node.
const (
	ConstantForm Form = iota
	ExpressionForm
	MappingForm
	ListForm
)

// NodeMember is one member of a mapping. The name is an expression where Key is set.
type NodeMember struct {
	Name  string
	Key   *Node
	Value *Node
}

// Item is what a template says about a container, or a variable of the app, beside its fields.
type Item struct {
	Name     string // as written
	Position []*Node
	Join     Join
}

// List is a list whose items are placed.
type List uint8

// The lists. OtherList stands for all whose items stand as they are written, that of the app's variables too where
// the template says nothing about any of them.
const (
	OtherList List = iota
	InitContainers
	MainContainers
	AppVariables
)

// Place is where a value stands in the template.
type Place struct {
	At           *schema.Path
	Line, Column int
}

// Constant says whether a node has the same value in every rendering.
func (n *Node) Constant() bool {
	return n != nil && n.Form == ConstantForm && n.When == nil && n.Each == nil && n.List == OtherList && n.Item == nil
}

// Weigh counts what an item with $each adds for one element. It is called once the item is complete.
func (n *Node) Weigh() {
	n.Walk(func(part *Node) {
		n.eachValues++
		if text, ok := part.Value.(string); ok {
			n.eachText += len(text)
		}
	})
}

// Uses sums up what the expressions of a tree read.
func (n *Node) Uses() expression.Uses {
	var all []expression.Uses
	n.Walk(func(n *Node) {
		if n.Expression != nil {
			all = append(all, n.Reads())
		}
	})
	return expression.Union(all...)
}

// Reads is what the node's own expression reads, also by way of others.
func (n *Node) Reads() expression.Uses {
	uses := n.Expression.Uses()
	if uses.Each || len(uses.Variables) > 0 {
		return expression.Union(uses, n.Indirect)
	}
	return uses
}

// Walk calls do for the node and all below it, conditions and keys too.
func (n *Node) Walk(do func(*Node)) {
	if n == nil {
		return
	}
	do(n)
	n.When.Walk(do)
	n.Each.Walk(do)
	for i := range n.Members {
		n.Members[i].Key.Walk(do)
		n.Members[i].Value.Walk(do)
	}
	for _, item := range n.Items {
		item.Walk(do)
	}
	if n.Item != nil {
		for _, p := range n.Item.Position {
			p.Walk(do)
		}
	}
}

// Member gives a mapping's value of a constant name, nil if there is none.
func (n *Node) Member(name string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Key == nil && n.Members[i].Name == name {
			return n.Members[i].Value
		}
	}
	if o, ok := n.Value.(Object); ok && n.Members == nil { // a constant after Compact
		if value, there := o.Get(name); there {
			return &Node{Value: value}
		}
	}
	return nil
}

// writtenNames are the names of a mapping's members that are no expressions, if others are; else nil.
func (n *Node) writtenNames() map[string]bool {
	if !slices.ContainsFunc(n.Members, func(m NodeMember) bool { return m.Key != nil }) {
		return nil
	}
	names := make(map[string]bool, len(n.Members))
	for i := range n.Members {
		if m := &n.Members[i]; m.Key == nil {
			names[m.Name] = true
		}
	}
	return names
}
