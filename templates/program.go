package templates

import (
	"crypto/sha256"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// program is a template made ready for rendering: two trees in which everything
// constant is folded into finished values, so that a rendering evaluates the
// expressions and builds the mappings and lists around them, and nothing else. It is immutable.
type program struct {
	line     int // of the document that it was compiled from
	app, pod *node
	// permissions are evaluated apart: an admission has no use for them.
	permissions *node
	reads       expression.Uses   // of all expressions together
	identity    [sha256.Size]byte // see identity
}

// node is one value of a template: constant, an expression, or a mapping or list
// that holds an expression somewhere.
type node struct {
	form  form
	value any // of a constant; until compact its members and items stay, because they know their places
	// expression of an expression; want is what its value must be.
	expression *expression.Expression
	want       *schema.Schema
	members    []memberNode
	items      []*node

	// when leaves the value out when it is false; nil: never.
	when *node
	// each is the list for whose elements an item of a list is made; nil: the item is made once.
	each *node
	// eachValues and eachText are how much one element adds: its values, and the bytes of the
	// texts among them that are no expressions.
	eachValues, eachText int
	// elements is what the list reads that an expression within an item with $each gets its
	// elements from.
	elements expression.Uses
	// container is set for the items of the two container lists.
	container *containerNode
	// list says which of the container lists this is.
	list containerList

	place place
}

type form uint8

const (
	constantForm form = iota
	expressionForm
	mappingForm
	listForm
)

// memberNode is one member of a mapping. The name is an expression where key is set.
type memberNode struct {
	name  string
	key   *node
	value *node
}

// containerNode is what a template says about a container beside its fields.
type containerNode struct {
	name     string // as written
	position []*node
}

type containerList uint8

const (
	noContainers containerList = iota
	initContainerList
	mainContainerList
)

// place is where a value stands in the template.
type place struct {
	at           *schema.Path
	line, column int
}

// constant says whether a node has the same value in every rendering.
func (n *node) constant() bool {
	return n != nil && n.form == constantForm && n.when == nil && n.each == nil && n.list == noContainers && n.container == nil
}

// weigh counts what an item with $each adds for one element. Called before compact.
func (n *node) weigh() {
	n.walk(func(part *node) {
		n.eachValues++
		if text, ok := part.value.(string); ok {
			n.eachText += len(text)
		}
	})
}

// uses sums up what the expressions of a tree read.
func (n *node) uses() expression.Uses {
	var all []expression.Uses
	n.walk(func(n *node) {
		if n.expression != nil {
			all = append(all, n.reads())
		}
	})
	return expression.Union(all...)
}

// reads is what the node's own expression reads, also by way of the elements of a $each.
func (n *node) reads() expression.Uses {
	uses := n.expression.Uses()
	if uses.Each {
		return expression.Union(uses, n.elements)
	}
	return uses
}

// compact forgets what only the checks at load need: the places and parts of
// constants, which are most of a template.
func (p *program) compact() {
	for _, root := range []*node{p.app, p.pod, p.permissions} {
		root.walk(func(n *node) {
			if n.form == constantForm {
				n.members, n.items, n.want, n.place = nil, nil, nil, place{}
			}
		})
	}
}

// uses sums up what the expressions of both trees read.
func (p *program) uses() expression.Uses {
	both := &node{items: []*node{}}
	for _, n := range []*node{p.pod, p.app} {
		if n != nil {
			both.items = append(both.items, n)
		}
	}
	return both.uses()
}

// walk calls do for the node and all below it, conditions and keys too.
func (n *node) walk(do func(*node)) {
	if n == nil {
		return
	}
	do(n)
	n.when.walk(do)
	n.each.walk(do)
	for i := range n.members {
		n.members[i].key.walk(do)
		n.members[i].value.walk(do)
	}
	for _, item := range n.items {
		item.walk(do)
	}
	if n.container != nil {
		for _, p := range n.container.position {
			p.walk(do)
		}
	}
}

// member gives a mapping's value of a constant name, nil if there is none.
func (n *node) member(name string) *node {
	if n == nil {
		return nil
	}
	for i := range n.members {
		if n.members[i].key == nil && n.members[i].name == name {
			return n.members[i].value
		}
	}
	if o, ok := n.value.(Object); ok && n.members == nil { // a constant after compact
		if value, there := o.Get(name); there {
			return &node{value: value}
		}
	}
	return nil
}
