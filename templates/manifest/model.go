package manifest

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

type itemKind int

const (
	scalarItem itemKind = iota
	mappingItem
	listItem
)

// item is one value of the edited document.
type item struct {
	kind itemKind
	// node is the value as written, behind any alias; nil when an operation brought it.
	node *yaml.Node
	// here: the node's text stands at this very place of the document, so that it can be kept.
	here bool
	// touched: something in it differs from the text.
	touched bool
	// scalar is the value of a scalar that an operation brought.
	scalar any
	// entries of a mapping or list, once opened.
	entries []*entry
	opened  bool
	// names are a mapping's entries that find gives, once it was asked.
	names map[string]*entry
}

// entry is one entry of a mapping or list.
type entry struct {
	name string
	// key and old are the key and value as written, nil when an operation added the entry;
	// key is nil in lists. For a merge key, old is what it merges.
	key, old *yaml.Node
	index    int // of key, or of old in a list, in the collection's content
	// value is nil as long as nobody looked into old.
	value *item
	// merge marks a merge key; spread is what it brought once it is written out.
	merge     bool
	spread    []*entry
	spreadOut bool
}

// isNew reports whether an operation added the entry.
func (e *entry) isNew() bool { return e.key == nil && e.old == nil }

// model is a document with operations applied to it. Nodes are never changed.
type model struct {
	doc  *Document
	root *item
	// stale holds the anchored nodes whose text no longer says what their aliases
	// stand for: something in them changed, or they were replaced.
	stale map[*yaml.Node]bool
}

func newModel(d *Document) *model {
	return &model{doc: d, root: newItem(d.Root, true), stale: map[*yaml.Node]bool{}}
}

// newItem is the item of a node; below an alias it does not stand here.
func newItem(n *yaml.Node, here bool) *item {
	it := &item{node: Resolve(n), here: here && n.Kind != yaml.AliasNode}
	switch it.node.Kind {
	case yaml.MappingNode:
		it.kind = mappingItem
	case yaml.SequenceNode:
		it.kind = listItem
	}
	return it
}

// valueItem is the item of a decoded JSON value.
func valueItem(value any) *item {
	switch value := value.(type) {
	case members:
		it := &item{kind: mappingItem, opened: true}
		for _, m := range value {
			it.set(m.name, valueItem(m.value))
		}
		return it
	case []any:
		it := &item{kind: listItem, opened: true}
		for _, v := range value {
			it.entries = append(it.entries, &entry{value: valueItem(v)})
		}
		return it
	}
	return &item{scalar: value}
}

// open makes the entries of a collection as written.
func (it *item) open() {
	if it.opened {
		return
	}
	it.opened = true
	content := it.node.Content
	if it.kind == listItem {
		for i, n := range content {
			it.entries = append(it.entries, &entry{old: n, index: i})
		}
		return
	}
	for i := 0; i+1 < len(content); i += 2 {
		e := &entry{key: content[i], old: content[i+1], index: i, merge: isMerge(content[i])}
		e.name, _ = keyText(e.key)
		it.entries = append(it.entries, e)
	}
}

// look gives the value of an entry, making its item at first.
func (it *item) look(e *entry) *item {
	if e.value == nil {
		e.value = newItem(e.old, it.here)
	}
	return e.value
}

// find is the mapping's own entry of a name, or one of a merge key that has been written out.
func (it *item) find(name string) *entry {
	it.open()
	if it.names == nil {
		it.names = make(map[string]*entry, len(it.entries))
		for _, e := range it.entries {
			if !e.merge {
				it.names[e.name] = e
			}
			for _, s := range e.spread {
				it.names[s.name] = s
			}
		}
	}
	return it.names[name]
}

// set gives a key a value.
func (it *item) set(name string, value *item) {
	if e := it.find(name); e != nil {
		e.value = value
		return
	}
	e := &entry{name: name, value: value}
	it.entries, it.names[name] = append(it.entries, e), e
}

// merger is the merge key that brings a name, nil if none does.
func (it *item) merger(name string) *entry {
	for _, e := range it.entries {
		if !e.merge || e.spreadOut {
			continue
		}
		for _, p := range merged(e.old, map[string]bool{}) {
			if p.name == name {
				return e
			}
		}
	}
	return nil
}

// writeOut replaces a merge key by what it brings.
func (m *model) writeOut(it *item, merge *entry) {
	seen := map[string]bool{}
	for _, e := range it.entries {
		if !e.merge {
			seen[e.name] = true
		}
	}
	merge.spreadOut = true
	for _, p := range merged(merge.old, seen) {
		merge.spread = append(merge.spread, &entry{name: p.name, key: p.key, value: newItem(p.value, false)})
	}
	it.names = nil
	it.touched = true
	if it.here {
		m.replaced(merge.old)
	}
}

// replaced notes the anchors in a text that will go.
func (m *model) replaced(n *yaml.Node) {
	if n.Anchor != "" {
		m.stale[n] = true
	}
	for _, child := range n.Content {
		m.replaced(child)
	}
}

// add applies one operation.
func (m *model) add(path []string, value *item) error {
	if len(path) == 0 {
		return errors.New("the whole document cannot be replaced")
	}
	parent := m.root
	m.touch(parent)
	for _, part := range path[:len(path)-1] {
		child, err := m.child(parent, part)
		if err != nil {
			return err
		}
		m.touch(child)
		parent = child
	}
	return m.put(parent, path[len(path)-1], value)
}

// touch notes that something in an item changes.
func (m *model) touch(it *item) {
	it.touched = true
	if it.here && it.node.Anchor != "" {
		m.stale[it.node] = true
	}
}

func (m *model) child(parent *item, part string) (*item, error) {
	switch parent.kind {
	case listItem:
		parent.open()
		i, err := listIndex(part, len(parent.entries)-1)
		if err != nil {
			return nil, err
		}
		return parent.look(parent.entries[i]), nil
	case mappingItem:
		e := parent.find(part)
		if e == nil {
			merge := parent.merger(part)
			if merge == nil {
				return nil, fmt.Errorf("key %s does not exist", echo(part))
			}
			m.writeOut(parent, merge)
			e = parent.find(part)
		}
		return parent.look(e), nil
	case scalarItem:
	}
	return nil, fmt.Errorf("%s is looked for in a scalar", echo(part))
}

func (m *model) put(parent *item, part string, value *item) error {
	switch parent.kind {
	case listItem:
		parent.open()
		i := len(parent.entries)
		if part != "-" {
			var err error
			if i, err = listIndex(part, len(parent.entries)); err != nil {
				return err
			}
		}
		parent.entries = append(parent.entries, nil)
		copy(parent.entries[i+1:], parent.entries[i:])
		parent.entries[i] = &entry{value: value}
		return nil
	case mappingItem:
		if e := parent.find(part); e != nil && e.old != nil && parent.here {
			m.replaced(e.old)
		}
		parent.set(part, value)
		return nil
	case scalarItem:
	}
	return fmt.Errorf("%s would be added to a scalar", echo(part))
}
