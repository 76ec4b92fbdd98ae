package edit

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// collection writes the changes inside a block collection. before is the offset after the colon or dash that
// precedes it, -1 for the root; parent is the column of the mapping whose value it is, -1 if there is none.
func (e *emitter) collection(b *block, before, parent int) {
	if b.node.Kind == yaml.MappingNode {
		e.mapping(b)
	} else {
		e.list(b, before, parent)
	}
}

func (e *emitter) mapping(b *block) {
	n := b.node
	_, content := e.content(n)
	column := e.column(content)
	var added members
	for _, en := range b.entries {
		switch {
		case en.isKept():
		case en.isNew():
			added = append(added, member{en.name, en.value})
		case en.spreadOut:
			e.spread(n, en, column)
		case en.inside != nil:
			colon, _ := e.colon(n, en.index)
			e.collection(en.inside, colon+1, column)
		default:
			e.changedPair(n, en, column)
		}
	}
	if len(added) > 0 {
		e.insertLines(e.after(e.end(n), max(column, 1)), e.block(added, column))
	}
}

// printed calls print, which prints a value whose text will be placed between the offsets from and at. It
// disables block scalars where they would not be safe: a block scalar would absorb a deeper indented comment
// below it, and nothing may come between its header and its text.
func (e *emitter) printed(old *yaml.Node, from, at int, comments []string, print func()) {
	literals := e.literals
	defer func() { e.literals = literals }()
	next := e.skipSpaces(e.nextLine(at))
	e.literals = literals && len(comments) == 0 && (next == len(e.text) || e.text[next] != '#')
	if old != nil && hasText(old) && e.start(old) > e.nextLine(from) {
		e.literals = e.literals && e.lineStart(e.start(old)) == e.nextLine(from)
	}
	print()
}

// commentsIn returns the comments in the text of a flow collection.
func (e *emitter) commentsIn(old *yaml.Node, column int) []string {
	if old.Kind != yaml.MappingNode && old.Kind != yaml.SequenceNode {
		return nil
	}
	return e.comments(old, e.start(old), e.end(old), column)
}

func (e *emitter) changedPair(n *yaml.Node, en *entry, column int) {
	colon, found := e.colon(n, en.index)
	end := colon + 1
	if hasText(en.old) {
		end = e.end(en.old)
	}
	var head string
	var body []string
	comments := e.commentsIn(en.old, column+e.unit)
	e.printed(en.old, colon, end, comments, func() { head, body = e.underKey(en.value, column) })
	body = append(comments, body...)
	if !found { // an explicit key without value
		key := e.end(en.key)
		line := strings.Repeat(" ", column) + join(":", head)
		e.insertLines(e.nextLine(key), append([]string{line}, body...))
		return
	}
	e.replaceValue(colon+1, en.old, head, body)
}

// skipSpaces skips blanks and line breaks, but not comments.
func (e *emitter) skipSpaces(at int) int {
	for at < len(e.text) && e.text[at] != '#' && e.skipBlank(at) > at {
		if n := manifest.LineBreak(e.text[at:]); n > 0 {
			at += n
		} else {
			at++
		}
	}
	return at
}

// replaceValue replaces the value after the colon or dash that ends at the given offset. Comments on the
// lines are kept.
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

// spread replaces a merge key by the entries that it merges.
func (e *emitter) spread(n *yaml.Node, en *entry, column int) {
	start, end := e.start(en.key), e.end(en.old)
	if len(en.spread) == 0 {
		colon, _ := e.colon(n, en.index)
		e.replaceValue(colon+1, en.old, "{}", nil)
		return
	}
	var brought members
	for _, s := range en.spread {
		brought = append(brought, member{s.name, s.value})
	}
	var lines []string
	comments := e.commentsIn(en.old, column)
	e.printed(en.old, end, end, comments, func() { lines = e.block(brought, column) })
	e.replace(start, end, strings.TrimLeft(lines[0], " "))
	e.insertLines(e.nextLine(end), append(comments, lines[1:]...))
}

func (e *emitter) list(b *block, before, parent int) {
	n := b.node
	_, content := e.content(n)
	column := e.column(content)
	last := -1 // index of the last original item passed
	var added []any
	for _, en := range b.entries {
		if en.isNew() {
			added = append(added, en.value)
			continue
		}
		if len(added) > 0 {
			e.insertItems(n, last, column, before, added)
			added = nil
		}
		last = en.index
		switch {
		case en.isKept():
		case en.inside != nil:
			e.collection(en.inside, e.dash(n, en.index)+1, -1)
		default:
			e.changedItem(en, e.dash(n, en.index), column)
		}
	}
	if len(added) > 0 {
		indent := max(column, 1)
		if parent == column {
			indent = column + 1
		}
		e.insertLines(e.after(e.end(n), indent), e.block(added, column))
	}
}

// insertItems inserts items after the original item at index last, or at the beginning if last is -1.
func (e *emitter) insertItems(n *yaml.Node, last, column, before int, items []any) {
	if last >= 0 {
		e.insertLines(e.after(e.itemEnd(n, last), column+1), e.block(items, column))
		return
	}
	properties, first := e.content(n)
	if e.start(n) < first {
		before = properties
	}
	switch {
	case !e.firstOnLine(first): // - - item
		lines := e.block(items, column)
		lines[0] = strings.TrimLeft(lines[0], " ")
		e.replace(first, first, strings.Join(lines, e.eol)+e.eol+strings.Repeat(" ", column))
	case before < 0:
		e.insertLines(e.lineStart(first), e.block(items, column))
	default:
		e.printed(nil, before, before, nil, func() { e.insertLines(e.nextLine(before), e.block(items, column)) })
	}
}

// changedItem prints a changed item that was an alias or a flow collection.
func (e *emitter) changedItem(en *entry, dash, column int) {
	column += 2
	end := dash + 1
	if hasText(en.old) {
		start := e.start(en.old)
		if _, content := e.content(en.old); start == content && e.line(start) == e.line(dash) {
			column = e.column(start)
		}
		end = e.end(en.old)
	}
	var head string
	var body []string
	comments := e.commentsIn(en.old, column)
	e.printed(en.old, dash, end, comments, func() { head, body = e.underDash(en.value, column) })
	if blanks := column - e.column(dash) - 2; hasText(en.old) && blanks > 0 && head != "" {
		head = strings.Repeat(" ", blanks) + head
	}
	e.replaceValue(dash+1, en.old, head, append(comments, body...))
}
