package manifest

import (
	"sort"

	"go.yaml.in/yaml/v3"
)

// writeOutStale makes copies of every alias whose anchor no longer says what it
// did, and of every merge key that holds such an alias.
func (m *model) writeOutStale() {
	// Writing out a merge key may take anchors with it; they stand before their
	// aliases, but those may have been passed already.
	for known := -1; known != len(m.stale); {
		known = len(m.stale)
		if known > 0 {
			m.visitStale(m.root, map[*yaml.Node]bool{})
		}
	}
}

func (m *model) visitStale(it *item, clean map[*yaml.Node]bool) {
	if it.kind == scalarItem || !it.here || !it.touched && !m.holdsStale(it.node, clean) {
		return
	}
	it.open()
	for _, e := range it.entries {
		switch {
		case e.isNew() || e.spreadOut:
		case e.merge:
			if m.holdsStale(e.old, clean) {
				m.writeOut(it, e)
			}
		case e.value != nil && !e.value.here:
			// replaced, or a copy already
		case e.old.Kind == yaml.AliasNode:
			if m.stale[e.old.Alias] {
				it.look(e).touched = true
				it.touched = true
			}
		case e.value != nil && e.value.touched || m.holdsStale(e.old, clean):
			it.touched = true
			m.visitStale(it.look(e), clean)
		}
	}
}

// holdsStale reports whether a node holds an alias that must be written out; clean
// remembers those that do not.
func (m *model) holdsStale(n *yaml.Node, clean map[*yaml.Node]bool) bool {
	if n.Kind == yaml.AliasNode {
		return m.stale[n.Alias]
	}
	if n.Kind == yaml.ScalarNode || clean[n] {
		return false
	}
	for _, child := range n.Content {
		if m.holdsStale(child, clean) {
			return true
		}
	}
	clean[n] = true
	return false
}

// anchors tells which node an anchor's name stands for at a place of the document.
type anchors struct {
	order       map[*yaml.Node]int
	definitions map[string][]*yaml.Node
}

func findAnchors(root *yaml.Node) *anchors {
	a := &anchors{order: map[*yaml.Node]int{}, definitions: map[string][]*yaml.Node{}}
	a.visit(root)
	return a
}

func (a *anchors) visit(n *yaml.Node) {
	if n.Anchor != "" {
		a.definitions[n.Anchor] = append(a.definitions[n.Anchor], n)
	}
	a.order[n] = len(a.order)
	for _, child := range n.Content {
		a.visit(child)
	}
}

// means reports whether an alias would mean the same if it stood at the place of a node.
func (a *anchors) means(alias, place *yaml.Node) bool {
	definitions := a.definitions[alias.Value]
	after := sort.Search(len(definitions), func(i int) bool { return a.order[definitions[i]] > a.order[place] })
	return after > 0 && definitions[after-1] == alias.Alias
}
