package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// flow writes the changes of a touched collection in brackets, within them; tall says
// that it has its line for itself, so that it may be spread over several.
func (e *emitter) flow(it *item, tall bool) {
	it.open()
	n := it.node
	last := -1
	var added []*entry
	for _, en := range it.entries {
		if en.isNew() {
			added = append(added, en)
			continue
		}
		if len(added) > 0 {
			e.flowBefore(it, en.index, last, added)
			added = nil
		}
		last = en.index
		switch {
		case isKept(en):
		case en.spreadOut:
			e.flowSpread(en)
		case en.value.here:
			e.flow(en.value, e.isTall(n))
		default:
			e.flowValue(n, en)
		}
	}
	switch {
	case len(added) == 0:
	case last < 0:
		e.flowFill(it, added, tall && e.isTall(e.model.root.node))
	default:
		e.flowAfter(it, added)
	}
}

// flowValue replaces the value of an entry.
func (e *emitter) flowValue(n *yaml.Node, en *entry) {
	place, from := en.old, 0
	if hasText(en.old) {
		from = e.start(en.old)
	}
	if n.Kind == yaml.MappingNode && !hasText(en.old) {
		colon, found := e.colon(n, en.index)
		text := " " + e.flowText(en.value, nil, "")
		if !found {
			colon, text = e.end(en.key)-1, ":"+text
		}
		e.replace(colon+1, colon+1, text)
		return
	}
	e.replace(from, e.end(en.old), e.flowText(en.value, place, e.margin(e.lineStart(from))))
}

// flowSpread writes out a merge key.
func (e *emitter) flowSpread(en *entry) {
	if len(en.spread) == 0 {
		e.replace(e.start(en.old), e.end(en.old), "{}")
		return
	}
	var parts []string
	for _, s := range en.spread {
		parts = append(parts, e.key(&item{}, s, true)+e.style.colon+e.flowText(s.value, en.old, ""))
	}
	e.replace(e.start(en.key), e.end(en.old), strings.Join(parts, e.style.comma))
}

// isTall reports whether a collection has its entries on lines of their own.
func (e *emitter) isTall(n *yaml.Node) bool {
	if len(n.Content) == 0 {
		return false
	}
	first := e.start(n.Content[0])
	_, opening := e.content(n)
	return hasText(n.Content[0]) && e.firstOnLine(first) && e.line(first) != e.line(opening)
}

// flowEntries writes entries for a collection, each with the margin given.
func (e *emitter) flowEntries(it *item, list []*entry, margin string) []string {
	var parts []string
	for _, en := range list {
		parts = append(parts, e.flowEntry(it.kind, en, nil, margin))
	}
	return parts
}

// flowAfter puts entries behind the last one as written.
func (e *emitter) flowAfter(it *item, added []*entry) {
	n := it.node
	end := e.entryEnd(n, len(n.Content)-1)
	comma := e.skipBlank(end)
	trailing := e.text[comma] == ',' && !e.isBare(n)
	separator := ","
	if trailing {
		end, separator = comma+1, ""
	}
	if e.text[end-1] == ':' { // "a:," would be a word
		e.endColon(n, end)
	}
	if e.isBare(n) {
		e.replace(e.start(n), e.start(n), "{")
		e.replace(end, end, ", "+strings.Join(e.flowEntries(it, added, ""), ", ")+"}")
		return
	}
	if !e.isTall(n) {
		e.replace(end, end, separator+e.style.comma[1:]+strings.Join(e.flowEntries(it, added, ""), e.style.comma))
		return
	}
	margin := e.margin(e.lineStart(e.start(n.Content[0])))
	parts := e.flowEntries(it, added, margin)
	text := margin + strings.Join(parts, ","+e.eol+margin)
	if trailing {
		text += ","
	}
	if closing := e.closing(n, e.opening(n)); e.line(closing) == e.line(end) {
		e.replace(end, end, separator+e.eol+text)
		return
	}
	e.replace(end, end, separator)
	e.insertLines(e.nextLine(end), []string{text})
}

// endColon makes way for a comma behind a colon: that of an entry without value, or
// one that the last word ends with.
func (e *emitter) endColon(n *yaml.Node, end int) {
	last := n.Content[len(n.Content)-1]
	if n.Kind == yaml.MappingNode {
		last = n.Content[len(n.Content)-2]
	}
	if last.Kind == yaml.ScalarNode && last.Style == 0 && e.end(last) == end && strings.HasSuffix(last.Value, ":") {
		e.replace(e.start(last), end, doubleQuote(last.Value))
		return
	}
	e.replace(end, end, " ")
}

// isBare reports whether a mapping is a single pair in a list, without braces.
func (e *emitter) isBare(n *yaml.Node) bool {
	return n.Kind == yaml.MappingNode && e.text[e.opening(n)] != '{'
}

func (e *emitter) opening(n *yaml.Node) int {
	_, content := e.content(n)
	return content
}

// entryEnd is the end of the entry that ends with a collection's content i.
func (e *emitter) entryEnd(n *yaml.Node, i int) int {
	if n.Kind == yaml.MappingNode {
		return e.pairEnd(n, i-1)
	}
	return e.end(n.Content[i])
}

// flowBefore puts items before the one at the index; last is the one before it, -1 for none.
func (e *emitter) flowBefore(it *item, index, last int, added []*entry) {
	n := it.node
	at := e.start(n.Content[index])
	behind := e.opening(n)
	if last >= 0 {
		behind = e.skipBlank(e.end(n.Content[last]))
	}
	if !e.firstOnLine(at) || e.line(behind) == e.line(at) {
		e.replace(at, at, strings.Join(e.flowEntries(it, added, ""), e.style.comma)+e.style.comma)
		return
	}
	margin := e.margin(e.lineStart(at))
	parts := e.flowEntries(it, added, margin)
	line := e.nextLine(behind)
	if rest := e.skipSpaces(behind + 1); rest < line && e.text[rest] != '#' {
		line = e.lineStart(at)
	}
	e.insertLines(line, []string{margin + strings.Join(parts, ","+e.eol+margin) + ","})
}

// flowFill puts entries into an empty collection.
func (e *emitter) flowFill(it *item, added []*entry, tall bool) {
	opening := e.opening(it.node)
	closing := e.closing(it.node, opening)
	margin := e.margin(e.lineStart(opening))
	if e.style.json && tall {
		inner := margin + e.style.unit
		parts := e.flowEntries(it, added, inner)
		e.replace(opening+1, closing, e.eol+inner+strings.Join(parts, ","+e.eol+inner)+e.eol+margin)
		return
	}
	e.replace(closing, closing, strings.Join(e.flowEntries(it, added, ""), e.style.comma))
}

// flowEntry writes an entry. With a margin, JSON is laid out in lines that begin with it.
func (e *emitter) flowEntry(kind itemKind, en *entry, place *yaml.Node, margin string) string {
	value := e.flowText(en.value, place, margin)
	if kind == listItem {
		return value
	}
	if e.style.json {
		return doubleQuote(en.name) + e.style.colon + value
	}
	return e.key(&item{}, en, true) + e.style.colon + value
}

// flowText writes a value inside brackets, in the place of what was written there.
func (e *emitter) flowText(it *item, place *yaml.Node, margin string) string {
	if it.kind == scalarItem {
		if s, ok := it.text(); ok && e.style.json {
			return doubleQuote(s)
		}
		return e.oneLine(it, true)
	}
	e.place = nil
	if place != nil && place.Kind == yaml.AliasNode {
		e.place = place
	}
	it.open()
	opening, closing := "{", "}"
	if it.kind == listItem {
		opening, closing = "[", "]"
	}
	inner := ""
	if e.style.json && margin != "" {
		inner = margin + e.style.unit
	}
	var parts []string
	for _, en := range e.flat(it) {
		if text, kept := e.kept(it, en); kept {
			if it.kind == mappingItem {
				text = e.key(it, en, true) + e.style.colon + text
			}
			parts = append(parts, text)
			continue
		}
		it.look(en)
		parts = append(parts, e.flowEntry(it.kind, en, place, inner))
	}
	e.place = nil
	if inner == "" || len(parts) == 0 {
		return opening + strings.Join(parts, e.style.comma) + closing
	}
	return opening + e.eol + inner + strings.Join(parts, ","+e.eol+inner) + e.eol + margin + closing
}
