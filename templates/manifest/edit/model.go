package edit

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// model is a document with operations applied to it. Nodes are never changed.
type model struct {
	doc *manifest.Document
	// root is nil if the document is no block collection; then fresh is its new value.
	root  *block
	fresh any
	// stale holds the anchored nodes whose text no longer has the value of their aliases, because something
	// in them changed or they were replaced.
	stale map[*yaml.Node]bool
}

// block is a block collection of the document with changes in it.
type block struct {
	node    *yaml.Node
	entries []*entry
	// names are a mapping's own entries, and those of merge keys that were written out.
	names map[string]*entry
}

// entry is one entry of a mapping or list.
type entry struct {
	name string
	// key and old are the original key and value, nil if an operation added the entry; key is nil in lists.
	// For a merge key, old is the merged value.
	key, old *yaml.Node
	index    int // of key, or of old in a list, in the collection's content
	merge    bool

	// At most one of the following is set; none if the entry is unchanged.
	inside *block   // changes within the entry's text
	afresh bool     // value replaces the entry's text, if it has any
	spread []*entry // entries that replace a merge key

	value     any
	spreadOut bool
}

// isNew reports whether an operation added the entry.
func (e *entry) isNew() bool { return e.key == nil && e.old == nil }

func (e *entry) isKept() bool { return !e.afresh && !e.spreadOut && e.inside == nil }

func newModel(d *manifest.Document) (*model, error) {
	m := &model{doc: d, stale: map[*yaml.Node]bool{}}
	if isBlock(d.Root) {
		m.root = newBlock(d.Root)
		return m, nil
	}
	var err error
	m.fresh, err = nodeValue(d.Root)
	return m, err
}

func newBlock(n *yaml.Node) *block {
	b := &block{node: n}
	if n.Kind == yaml.SequenceNode {
		for i, item := range n.Content {
			b.entries = append(b.entries, &entry{old: item, index: i})
		}
		return b
	}
	b.names = make(map[string]*entry, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := &entry{key: n.Content[i], old: n.Content[i+1], index: i, merge: isMerge(n.Content[i])}
		e.name = manifest.KeyName(e.key)
		if !e.merge {
			b.names[e.name] = e
		}
		b.entries = append(b.entries, e)
	}
	return b
}

func (m *model) apply(operation Operation) error {
	path, err := splitPointer(operation.Path)
	if err != nil {
		return err
	}
	value, err := decode(operation.Value)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	if len(path) == 0 {
		return errors.New("the whole document cannot be replaced")
	}
	if len(path[len(path)-1]) > longestKey {
		return errLongKey
	}
	if m.root == nil {
		m.fresh, err = add(m.fresh, path, value)
		return err
	}
	b := m.root
	for m.touch(b); len(path) > 1; path = path[1:] {
		e, err := m.find(b, path[0])
		if err != nil {
			return err
		}
		if !m.open(e) {
			if err := m.renew(e); err != nil {
				return err
			}
			e.value, err = add(e.value, path[1:], value)
			return err
		}
		b = e.inside
		m.touch(b)
	}
	return m.put(b, path[0], value)
}

// touch marks a block's anchor as stale because its content changes.
func (m *model) touch(b *block) {
	if b.node.Anchor != "" {
		m.stale[b.node] = true
	}
}

// open prepares an entry for changes inside its text; false if it has to be printed again instead.
func (m *model) open(e *entry) bool {
	if e.inside == nil && e.isKept() && !e.merge && isBlock(e.old) {
		e.inside = newBlock(e.old)
	}
	return e.inside != nil
}

// renew marks an entry's value to be printed again.
func (m *model) renew(e *entry) (err error) {
	if e.afresh {
		return nil
	}
	e.afresh = true
	m.replaced(e.old)
	e.value, err = nodeValue(e.old)
	return err
}

// replaced marks the anchors in a text that is going to be replaced as stale.
func (m *model) replaced(n *yaml.Node) {
	if n.Anchor != "" {
		m.stale[n] = true
	}
	for _, child := range n.Content {
		m.replaced(child)
	}
}

// find returns the entry for one part of a pointer. A merge key that brings the entry is written out.
func (m *model) find(b *block, part string) (*entry, error) {
	if b.node.Kind == yaml.SequenceNode {
		i, err := listIndex(part, len(b.entries)-1)
		if err != nil {
			return nil, err
		}
		return b.entries[i], nil
	}
	if e := b.names[part]; e != nil {
		return e, nil
	}
	for _, e := range b.entries {
		if !e.merge || e.spreadOut {
			continue
		}
		for key := range merged(e) {
			if manifest.KeyName(key) == part {
				err := m.spread(b, e)
				return b.names[part], err
			}
		}
	}
	return nil, fmt.Errorf("key %s does not exist", message.Quote(part))
}

func (m *model) put(b *block, part string, value any) error {
	if b.node.Kind == yaml.SequenceNode {
		i, err := insertIndex(part, len(b.entries))
		if err != nil {
			return err
		}
		b.entries = slices.Insert(b.entries, i, &entry{value: value, afresh: true})
		return nil
	}
	e := b.names[part]
	if e == nil {
		e = &entry{name: part}
		b.entries, b.names[part] = append(b.entries, e), e
	} else if e.old != nil {
		m.replaced(e.old)
	}
	e.value, e.afresh, e.inside = value, true, nil
	return nil
}

// merged returns the entries that a merge key brings; of the same name, the first counts.
func merged(e *entry) iter.Seq2[*yaml.Node, *yaml.Node] {
	return manifest.Pairs(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{e.key, e.old}})
}

// spread replaces a merge key by the entries that it brings.
func (m *model) spread(b *block, e *entry) error {
	e.spreadOut = true
	m.replaced(e.old)
	for key, old := range merged(e) {
		name := manifest.KeyName(key)
		if b.names[name] != nil {
			continue
		}
		value, err := nodeValue(old)
		if err != nil {
			return err
		}
		s := &entry{name: name, value: value, afresh: true}
		e.spread, b.names[name] = append(e.spread, s), s
	}
	return nil
}

// renewAliases replaces every alias of a stale anchor by its original value. That may remove further anchors,
// whose aliases may already have been passed; so it repeats until nothing changes.
func (m *model) renewAliases() error {
	if m.root == nil {
		return nil
	}
	for known := 0; known != len(m.stale); {
		known = len(m.stale)
		if err := m.renewIn(m.root, map[*yaml.Node]bool{}); err != nil {
			return err
		}
	}
	return nil
}

func (m *model) renewIn(b *block, clean map[*yaml.Node]bool) error {
	for _, e := range b.entries {
		var err error
		switch {
		case e.inside != nil:
			err = m.renewIn(e.inside, clean)
		case !e.isKept() || !m.holdsStale(e.old, clean):
		case e.merge:
			err = m.spread(b, e)
		case m.open(e):
			err = m.renewIn(e.inside, clean)
		default:
			err = m.renew(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// holdsStale reports whether a node contains an alias of a stale anchor; clean caches the nodes that do not.
func (m *model) holdsStale(n *yaml.Node, clean map[*yaml.Node]bool) bool {
	if n.Kind == yaml.AliasNode {
		return m.stale[n.Alias]
	}
	if n.Kind == yaml.ScalarNode || clean[n] {
		return false
	}
	if slices.ContainsFunc(n.Content, func(child *yaml.Node) bool { return m.holdsStale(child, clean) }) {
		return true
	}
	clean[n] = true
	return false
}
