package manifest

import (
	"encoding/json"
	"strings"

	"go.yaml.in/yaml/v3"
)

// printer writes what has no text yet, in the document's own style.
type printer struct {
	*layout
	model *model
	// unit is the document's indentation; listUnit that of lists in mappings.
	unit, listUnit int
	// literals allows block scalars.
	literals bool
	// anchors is made when the first copy is printed.
	anchors *anchors
	// place is the alias that is being written out, nil for other values.
	place *yaml.Node
}

// underKey writes a value behind a key of a mapping at the given column: what stands on
// the key's line, and the lines below it.
func (p *printer) underKey(it *item, column int) (head string, body []string) {
	switch {
	case it.kind == scalarItem:
		return p.scalar(it, column+p.unit)
	case it.kind == listItem:
		body = p.lines(it, column+p.listUnit)
	default:
		body = p.lines(it, column+p.unit)
	}
	return p.properties(it), body
}

// underDash writes an item of a list, whose contents stand at the given column.
func (p *printer) underDash(it *item, column int) (head string, body []string) {
	if it.kind == scalarItem {
		return p.scalar(it, column)
	}
	lines := p.lines(it, column)
	if properties := p.properties(it); properties != "" {
		return properties, lines
	}
	return strings.TrimLeft(lines[0], " "), lines[1:]
}

// properties is the anchor and tag of a collection that is laid out anew where it stands.
func (p *printer) properties(it *item) string {
	if !it.here {
		return ""
	}
	end, _ := p.content(it.node)
	return string(p.text[p.start(it.node):end])
}

// lines writes a collection in block style at the given column. An empty one is one
// line as well.
func (p *printer) lines(it *item, column int) []string {
	it.open()
	indent := strings.Repeat(" ", column)
	var lines []string
	for _, e := range p.flat(it) {
		label, head := "-", ""
		var body []string
		if it.kind == mappingItem {
			label = p.key(it, e, false) + ":"
		}
		switch text, kept := p.kept(it, e); {
		case kept:
			head = text
		case it.kind == mappingItem:
			head, body = p.underKeyOrEmpty(it.look(e), column)
		default:
			head, body = p.underDashOrEmpty(it.look(e), column+2)
		}
		lines = append(append(lines, indent+join(label, head)), body...)
	}
	return lines
}

// underKeyOrEmpty is underKey for any value: an empty collection stands on the key's line.
func (p *printer) underKeyOrEmpty(it *item, column int) (string, []string) {
	if empty, ok := p.empty(it); ok {
		return empty, nil
	}
	return p.underKey(it, column)
}

func (p *printer) underDashOrEmpty(it *item, column int) (string, []string) {
	if empty, ok := p.empty(it); ok {
		return empty, nil
	}
	return p.underDash(it, column)
}

// empty writes an empty collection.
func (p *printer) empty(it *item) (string, bool) {
	if it.kind == scalarItem {
		return "", false
	}
	it.open()
	if len(p.flat(it)) > 0 {
		return "", false
	}
	if it.kind == listItem {
		return join(p.properties(it), "[]"), true
	}
	return join(p.properties(it), "{}"), true
}

func join(label, head string) string {
	if label == "" || head == "" {
		return label + head
	}
	return label + " " + head
}

// flat lists the entries to be printed: merge keys that were or must be
// written out give way to what they bring.
func (p *printer) flat(it *item) []*entry {
	var list []*entry
	for _, e := range it.entries {
		switch {
		case e.spreadOut:
			list = append(list, e.spread...)
		case e.merge && !it.here && !p.mergeable(e.old):
			p.model.writeOut(it, e)
			list = append(list, e.spread...)
		default:
			list = append(list, e)
		}
	}
	return list
}

// mergeable reports whether a merge key's value may be repeated in a copy.
func (p *printer) mergeable(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		return p.repeatable(n)
	}
	for _, item := range n.Content {
		if item.Kind != yaml.AliasNode || !p.repeatable(item) {
			return false
		}
	}
	return n.Kind == yaml.SequenceNode
}

// repeatable reports whether an alias still means the same in the copy being printed.
func (p *printer) repeatable(alias *yaml.Node) bool {
	if p.place == nil || p.model.stale[alias.Alias] {
		return false
	}
	if p.anchors == nil {
		p.anchors = findAnchors(p.model.doc.Root)
	}
	return p.anchors.means(alias, p.place)
}

// kept gives the text of a value that can be taken over on one line.
func (p *printer) kept(it *item, e *entry) (string, bool) {
	if e.old == nil || e.value != nil && (e.value.touched || e.value.node == nil) {
		return "", false
	}
	switch {
	case it.here && hasText(e.old):
		return string(p.text[p.start(e.old):p.end(e.old)]), true
	case it.here:
		return "", true
	case e.old.Kind == yaml.AliasNode && p.repeatable(e.old):
		return "*" + e.old.Value, true
	case e.merge:
		var names []string
		for _, alias := range e.old.Content {
			names = append(names, "*"+alias.Value)
		}
		return "[" + strings.Join(names, ", ") + "]", true
	}
	return "", false
}

// key writes the key of an entry; a copy's key is written as it was, for y and yes are other
// words for the same key.
func (p *printer) key(it *item, e *entry, flow bool) string {
	switch {
	case e.merge:
		return "<<"
	case e.key == nil:
		return quote(e.name, flow)
	case it.here:
		return string(p.text[p.start(e.key):p.end(e.key)])
	}
	key := Resolve(e.key)
	_, content := p.content(key)
	text := string(p.text[content:p.end(key)])
	if key.Style&^(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 || p.line(content) != p.line(p.end(key)) ||
		flow && key.Style == 0 && strings.ContainsAny(text, ",[]{}?") {
		return quote(e.name, flow)
	}
	return text
}

// scalar writes a scalar, whose further lines stand at the given column.
func (p *printer) scalar(it *item, column int) (head string, body []string) {
	if s, ok := it.text(); ok && p.literals {
		if header, lines, ok := literal(s); ok {
			indent := strings.Repeat(" ", column)
			for _, line := range lines {
				if line != "" {
					line = indent + line
				}
				body = append(body, line)
			}
			return header, body
		}
	}
	return p.oneLine(it, false), nil
}

// text is the value of a string scalar.
func (it *item) text() (string, bool) {
	if it.node != nil {
		return stringValue(it.node)
	}
	s, ok := it.scalar.(string)
	return s, ok
}

// oneLine writes a scalar on one line. Of a copy, numbers keep their notation and
// quoted strings their quotes.
func (p *printer) oneLine(it *item, flow bool) string {
	s, isString := it.text()
	if it.node == nil {
		switch value := it.scalar.(type) {
		case json.Number:
			return value.String()
		case bool:
			if value {
				return "true"
			}
			return "false"
		case nil:
			return "null"
		}
		return quote(s, flow)
	}
	n := it.node
	switch {
	case isEmpty(n) && n.Style&yaml.TaggedStyle == 0:
		return "null"
	case isString && n.Style&yaml.TaggedStyle == 0 && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		_, content := p.content(n)
		if text := string(p.text[content:p.end(n)]); p.line(content) == p.line(p.end(n)) {
			return text
		}
	case !isString && n.Style&yaml.TaggedStyle == 0:
		return n.Value
	}
	if isString {
		return quote(s, flow)
	}
	return string(appendScalar(nil, n))
}
