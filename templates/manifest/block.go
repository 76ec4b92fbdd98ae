package manifest

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// collection writes the changes of a touched collection that stands in the text.
// before is the offset behind the colon or dash that it belongs to, -1 for the root; parent is
// the column of the mapping that it is a value of, -1 if there is none.
func (e *emitter) collection(it *item, before, parent int) {
	it.open()
	switch {
	case !isBlock(it.node):
		e.flow(it, true)
	case it.kind == mappingItem:
		e.mapping(it)
	default:
		e.list(it, before, parent)
	}
}

// isKept reports whether an entry is as written.
func isKept(en *entry) bool {
	return !en.isNew() && !en.spreadOut && (en.value == nil || en.value.here && !en.value.touched)
}

// changesInside reports whether the entry's text stays, with changes inside it.
func (e *emitter) changesInside(en *entry) bool {
	if en.value == nil || !en.value.here {
		return false
	}
	n := en.value.node
	return isBlock(n) || e.line(e.start(n)) != e.line(e.end(n))
}

func (e *emitter) mapping(it *item) {
	n := it.node
	_, content := e.content(n)
	column := e.column(content)
	added := &item{kind: mappingItem, opened: true}
	for _, en := range it.entries {
		switch {
		case isKept(en):
		case en.isNew():
			added.entries = append(added.entries, en)
		case en.spreadOut:
			e.spread(n, en, column)
		default:
			e.changedPair(n, en, column)
		}
	}
	if len(added.entries) > 0 {
		e.insertLines(e.after(e.end(n), max(column, 1)), e.lines(added, column))
	}
}

// printAt prints a value that begins at from, for the lines behind the offset at, in the place
// of what was written there, nil for nothing.
func (e *emitter) printAt(old *yaml.Node, from, at int, print func()) {
	literals := e.literals
	defer func() { e.place, e.literals = nil, literals }()
	if old != nil && old.Kind == yaml.AliasNode {
		e.place = old
	}
	// A block scalar would swallow a comment below it that is indented deeper, and nothing may
	// stand between its header and its text.
	next := e.skipSpaces(e.nextLine(at))
	e.literals = literals && (next == len(e.text) || e.text[next] != '#')
	if old != nil && hasText(old) && e.start(old) > e.nextLine(from) {
		e.literals = e.literals && e.lineStart(e.start(old)) == e.nextLine(from)
	}
	print()
}

func (e *emitter) changedPair(n *yaml.Node, en *entry, column int) {
	colon, found := e.colon(n, en.index)
	if found && e.changesInside(en) {
		e.collection(en.value, colon+1, column)
		return
	}
	end := colon + 1
	if hasText(en.old) {
		end = e.end(en.old)
	}
	var head string
	var body []string
	e.printAt(en.old, colon, end, func() { head, body = e.underKeyOrEmpty(en.value, column) })
	if !found { // an explicit key without value
		key := e.end(en.key)
		line := strings.Repeat(" ", column) + join(":", head)
		e.insertLines(e.nextLine(key), append([]string{line}, body...))
		return
	}
	e.replaceValue(colon+1, en.old, head, body)
}

// skipSpaces passes blanks and breaks, but no comments.
func (e *emitter) skipSpaces(at int) int {
	for at < len(e.text) && e.text[at] != '#' && e.skipBlank(at) > at {
		if n := breakLength(e.text[at:]); n > 0 {
			at += n
		} else {
			at++
		}
	}
	return at
}

// replaceValue puts a value in the place of another that belongs to the colon or
// dash before the given offset. Comments on the lines stay.
func (e *emitter) replaceValue(from int, old *yaml.Node, head string, body []string) {
	if head != "" {
		head = " " + head
	}
	if !hasText(old) {
		e.replace(from, from, head)
		e.insertLines(e.nextLine(from), body)
		return
	}
	start, end := e.start(old), e.end(old)
	_, content := e.content(old)
	switch {
	case e.line(start) != e.line(from):
		e.replace(from, from, head)
		e.replaceLines(e.lineStart(start), e.nextLine(end), body)
	case old.Kind == yaml.ScalarNode && old.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		e.replace(from, e.headerEnd(content), head)
		e.replaceLines(e.nextLine(content), e.nextLine(end), body)
	default:
		e.replace(from, end, head)
		e.insertLines(e.nextLine(end), body)
	}
}

// spread writes out a merge key of a block mapping.
func (e *emitter) spread(n *yaml.Node, en *entry, column int) {
	start, end := e.start(en.key), e.end(en.old)
	if len(en.spread) == 0 {
		colon, _ := e.colon(n, en.index)
		e.replaceValue(colon+1, en.old, "{}", nil)
		return
	}
	var lines []string
	place := en.old
	if place.Kind != yaml.AliasNode && len(place.Content) > 0 {
		place = place.Content[0]
	}
	e.printAt(place, end, end, func() {
		lines = e.lines(&item{kind: mappingItem, opened: true, entries: en.spread}, column)
	})
	e.replace(start, end, strings.TrimLeft(lines[0], " "))
	e.insertLines(e.nextLine(end), lines[1:])
}

func (e *emitter) list(it *item, before, parent int) {
	n := it.node
	_, content := e.content(n)
	column := e.column(content)
	last := -1 // the item as written that was passed last
	var added []*item
	for _, en := range it.entries {
		if en.isNew() {
			added = append(added, en.value)
			continue
		}
		if len(added) > 0 {
			e.insertItems(n, last, column, before, added)
			added = nil
		}
		last = en.index
		if isKept(en) {
			continue
		}
		dash := e.dash(n, en.index)
		if e.changesInside(en) {
			e.collection(en.value, dash+1, -1)
			continue
		}
		e.changedItem(en, dash, column)
	}
	if len(added) > 0 {
		indent := max(column, 1)
		if parent == column {
			indent = column + 1
		}
		e.insertLines(e.after(e.end(n), indent), e.items(added, column))
	}
}

func (e *emitter) items(items []*item, column int) []string {
	list := &item{kind: listItem, opened: true}
	for _, it := range items {
		list.entries = append(list.entries, &entry{value: it})
	}
	return e.lines(list, column)
}

// insertItems puts items behind the one at index last as written, -1 for the beginning.
func (e *emitter) insertItems(n *yaml.Node, last, column, before int, items []*item) {
	if last >= 0 {
		e.insertLines(e.after(e.itemEnd(n, last), column+1), e.items(items, column))
		return
	}
	properties, first := e.content(n)
	if e.start(n) < first {
		before = properties
	}
	switch {
	case !e.firstOnLine(first): // - - item
		lines := e.items(items, column)
		lines[0] = strings.TrimLeft(lines[0], " ")
		e.replace(first, first, strings.Join(lines, e.eol)+e.eol+strings.Repeat(" ", column))
	case before < 0:
		e.insertLines(e.lineStart(first), e.items(items, column))
	default:
		e.printAt(nil, before, before, func() { e.insertLines(e.nextLine(before), e.items(items, column)) })
	}
}

// changedItem lays out anew an item that was an alias or a flow collection.
func (e *emitter) changedItem(en *entry, dash, column int) {
	column += 2
	if hasText(en.old) {
		start := e.start(en.old)
		_, content := e.content(en.old)
		if start == content && e.line(start) == e.line(dash) {
			column = e.column(start)
		}
	}
	end := dash + 1
	if hasText(en.old) {
		end = e.end(en.old)
	}
	var head string
	var body []string
	e.printAt(en.old, dash, end, func() { head, body = e.underDashOrEmpty(en.value, column) })
	if column = column - e.column(dash) - 1; hasText(en.old) && column > 1 && head != "" {
		head = strings.Repeat(" ", column-1) + head
	}
	e.replaceValue(dash+1, en.old, head, body)
}
