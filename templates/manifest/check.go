package manifest

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// check reports what the parser accepts but Kubernetes does not: duplicate keys, keys that are no scalars,
// anchors that contain themselves, scalars without a JSON value, and documents that are too deep or too large
// once their aliases are expanded.
func check(d *Document, root *yaml.Node) *Error {
	c := &checker{doc: d, anchors: map[*yaml.Node]extent{}}
	c.limit = max(maxExpanded, 10*count(root))
	_, err := c.visit(root, 1)
	return err
}

// extent is the size of a value with its aliases expanded.
type extent struct {
	nodes, bytes, depth int
	open                bool // being visited
}

type checker struct {
	doc     *Document
	anchors map[*yaml.Node]extent
	limit   int
	// total is the sum of the nodes visited so far.
	total extent
}

func count(n *yaml.Node) int {
	sum := 1
	for _, child := range n.Content {
		sum += count(child)
	}
	return sum
}

func (c *checker) visit(n *yaml.Node, depth int) (extent, *Error) {
	if depth > MaxDepth {
		return extent{}, c.doc.at(n, fmt.Sprintf("value is nested more than %d levels deep", MaxDepth), "")
	}
	if n.Kind == yaml.AliasNode {
		return c.alias(n, depth)
	}
	if n.Anchor != "" {
		c.anchors[n] = extent{open: true}
	}
	size := extent{nodes: 1, bytes: len(n.Value), depth: 1}
	c.total.nodes++
	c.total.bytes += len(n.Value)
	if n.Kind == yaml.ScalarNode {
		if _, err := resolveScalar(n); err != nil {
			return extent{}, c.doc.at(n, err.Error(), "")
		}
	}
	if n.Kind == yaml.MappingNode {
		if err := c.keys(n); err != nil {
			return extent{}, err
		}
	}
	for _, child := range n.Content {
		part, err := c.visit(child, depth+1)
		if err != nil {
			return extent{}, err
		}
		size.nodes += part.nodes
		size.bytes += part.bytes
		size.depth = max(size.depth, part.depth+1)
	}
	if n.Anchor != "" {
		c.anchors[n] = size
	}
	return size, nil
}

// alias adds the size of the anchored value, which is known: an anchor precedes its aliases.
func (c *checker) alias(n *yaml.Node, depth int) (extent, *Error) {
	size := c.anchors[n.Alias]
	if size.open {
		return extent{}, c.doc.at(n, fmt.Sprintf("anchor %s contains itself", message.Quote(n.Value)), "")
	}
	c.total.nodes += size.nodes
	c.total.bytes += size.bytes
	switch {
	case depth+size.depth > MaxDepth:
		return extent{}, c.doc.at(n, fmt.Sprintf("value is nested more than %d levels deep", MaxDepth), "")
	case c.total.nodes > c.limit:
		return extent{}, c.doc.at(n, fmt.Sprintf("aliases make more than %d values of the document", c.limit), "")
	case c.total.bytes > maxExpandedBytes:
		return extent{}, c.doc.at(n, fmt.Sprintf("aliases make more than %d bytes of the document", maxExpandedBytes), "")
	}
	return size, nil
}

func (c *checker) keys(n *yaml.Node) *Error {
	seen := make(map[string]*yaml.Node, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if isMerge(key) && !mergeable(value) {
			return c.doc.at(value, "merge key << takes a mapping or a list of mappings", "")
		}
		name, err := keyText(key)
		if err != nil {
			return c.doc.at(key, err.Error(), c.doc.braced(key.Line))
		}
		if isMerge(key) {
			name = mergeName
		}
		if before, found := seen[name]; found {
			return c.doc.at(key, fmt.Sprintf("key %s is already set on line %d", message.Quote(key.Value), before.Line), "")
		}
		seen[name] = key
	}
	return nil
}

// mergeName represents the merge key << in the set of seen keys, to distinguish it from the quoted key "<<";
// no key contains a NUL.
const mergeName = "<<\x00"

func mergeable(n *yaml.Node) bool {
	n = Resolve(n)
	if n.Kind != yaml.SequenceNode {
		return n.Kind == yaml.MappingNode
	}
	for _, item := range n.Content {
		if Resolve(item).Kind != yaml.MappingNode {
			return false
		}
	}
	return true
}
