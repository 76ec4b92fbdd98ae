package program

import (
	"cmp"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Node is one value of a template: a constant, an expression, or a mapping or list that contains an
// expression.
type Node struct {
	Form  Form
	Value any // of a constant; Compact drops its members and items, which are kept until then for their places
	// Expression is set for ExpressionForm; Want is the schema of its value, nil for any value.
	Expression *expression.Expression
	Want       *schema.Schema
	Members    []NodeMember
	Items      []*Node

	// When is the $when condition: the value is left out if it is false; nil means always included.
	When *Node
	// Each is the list of a $each: the item is made once per element; nil means once.
	Each *Node
	// Indirect is what an expression reads indirectly: through the list of the enclosing $each, and through
	// the template's own variables.
	Indirect expression.Uses
	// Needs is the name of the member without which a mapping is left out; "" if there is none.
	Needs string
	// Item holds the $ words of an item of a List; nil if it has none.
	Item *Item
	// List says which of the lists with positions this is.
	List List

	Place Place
	// Runs are the places of the characters of an expression, in order; nil if unknown.
	Runs []Run

	// eachValues and eachText are the size of the item for one element of Each: the number of its values, and
	// the bytes of the constant texts among them.
	eachValues, eachText int
}

// Form is the kind of a Node.
type Form uint8

// The forms of a Node.
const (
	ConstantForm Form = iota
	ExpressionForm
	MappingForm
	ListForm
)

// NodeMember is one member of a mapping. If Key is set, the name is an expression.
type NodeMember struct {
	Name  string
	Key   *Node
	Value *Node
}

// Item holds the $ words of a container, or of a variable of the app.
type Item struct {
	Name     string // as written in the template
	Position []*Node
	Join     Join
}

// List identifies a list whose items may have positions.
type List uint8

// The lists. OtherList stands for all lists whose items stay in the written order, including that of the
// app's variables if none has a $ word.
const (
	OtherList List = iota
	InitContainers
	MainContainers
	AppVariables
	// NoList stands for a mapping that is no item of a list.
	NoList
)

// Place is the place of a value in the template.
type Place struct {
	At           *schema.Path
	Line, Column int
}

// Run is a part of a scalar with expressions whose characters follow each other in one line of the file.
type Run struct {
	// Offset is that of the first byte in the scalar.
	Offset       int
	Line, Column int
}

// Continues reports whether the characters of next follow those of r, one byte each.
func (r *Run) Continues(next Run) bool {
	return next.Line == r.Line && next.Column-r.Column == next.Offset-r.Offset
}

// Locate returns the place of a byte of an expression's scalar; that of the node for WholeNode, or if the
// place is unknown.
func (n *Node) Locate(offset int) (line, column int) {
	i, found := slices.BinarySearchFunc(n.Runs, offset, func(r Run, offset int) int { return cmp.Compare(r.Offset, offset) })
	if !found {
		i--
	}
	if i < 0 {
		return n.Place.Line, n.Place.Column
	}
	r := &n.Runs[i]
	return r.Line, r.Column + offset - r.Offset
}

// Constant reports whether a node has the same value in every rendering.
func (n *Node) Constant() bool {
	return n != nil && n.Form == ConstantForm && n.When == nil && n.Each == nil && n.List == OtherList && n.Item == nil
}

// Weigh computes the size of an item for one element of its $each. It is called once the item is complete.
func (n *Node) Weigh() {
	n.Walk(func(part *Node) {
		n.eachValues++
		if text, ok := part.Value.(string); ok {
			n.eachText += len(text)
		}
	})
}

// Uses returns what all expressions of a tree read.
func (n *Node) Uses() expression.Uses {
	var all []expression.Uses
	n.Walk(func(n *Node) {
		if n.Expression != nil {
			all = append(all, n.Reads())
		}
	})
	return expression.Union(all...)
}

// Reads returns what the node's own expression reads, directly and indirectly.
func (n *Node) Reads() expression.Uses {
	uses := n.Expression.Uses()
	if uses.Each || len(uses.Variables) > 0 {
		return expression.Union(uses, n.Indirect)
	}
	return uses
}

// Walk calls do for the node and all below it, including conditions and keys.
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

// Member returns a mapping's value by its constant name, nil if there is none.
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

// writtenNames returns the constant names of a mapping's members if other names are expressions; else nil.
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
