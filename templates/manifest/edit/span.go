package edit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// end returns the offset after a node's last character. An omitted null ends where the text before it does.
func (l *layout) end(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return l.start(n) + 1 + len(n.Value)
	}
	_, at := l.content(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return l.scalarEnd(n, at)
	case n.Style&yaml.FlowStyle != 0:
		return l.flowEnd(n, at)
	case n.Kind == yaml.MappingNode:
		return l.pairEnd(n, len(n.Content)-2)
	default:
		return l.itemEnd(n, len(n.Content)-1)
	}
}

func (l *layout) scalarEnd(n *yaml.Node, at int) int {
	switch {
	case isEmpty(n):
		return at
	case n.Style&yaml.DoubleQuotedStyle != 0:
		for at++; l.text[at] != '"'; at++ {
			if l.text[at] == '\\' {
				at++
			}
		}
		return at + 1
	case n.Style&yaml.SingleQuotedStyle != 0:
		for at++; ; at++ {
			if l.text[at] != '\'' {
				continue
			}
			if at+1 == len(l.text) || l.text[at+1] != '\'' {
				return at + 1
			}
			at++
		}
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return l.blockScalarEnd(n, at)
	}
	return l.plainEnd(n, at)
}

// plainEnd finds the end of a scalar by matching its text with its value: folding changes only blanks and
// line breaks.
func (l *layout) plainEnd(n *yaml.Node, at int) int {
	for _, want := range n.Value {
		if isFolded(want) {
			continue
		}
		for {
			r, size := utf8.DecodeRune(l.text[at:])
			if size == 0 {
				return at
			}
			at += size
			if !isFolded(r) {
				break
			}
		}
	}
	return at
}

func isFolded(r rune) bool {
	return strings.ContainsRune(" \t\r\n\u0085\u2028\u2029", r)
}

// blockScalarEnd returns the end of the last line of a literal or folded scalar; trailing empty lines are
// included only if they are part of the value (+).
func (l *layout) blockScalarEnd(n *yaml.Node, at int) int {
	header := l.text[at:l.lineEnd(at)]
	end, kept := l.headerEnd(at), false
	if i := bytes.IndexAny(header, " \t#"); i >= 0 {
		header = header[:i]
	}
	kept = bytes.ContainsRune(header, '+')
	indent := -1
	for line := l.nextLine(at); line < len(l.text); line = l.nextLine(line) {
		spaces, lineEnd := l.indent(line), l.lineEnd(line)
		if line+spaces >= lineEnd && (indent < 0 || spaces <= indent) {
			if kept {
				end = lineEnd
			}
			continue
		}
		if indent < 0 {
			if indent = l.blockScalarIndent(n, spaces); indent < 0 {
				break
			}
		}
		if spaces < indent {
			break
		}
		end = lineEnd
	}
	return end
}

// blockScalarIndent is the indentation of a block scalar whose first line with text
// is indented by the given number of spaces, -1 if that line is not the scalar's.
func (l *layout) blockScalarIndent(n *yaml.Node, spaces int) int {
	for _, line := range strings.Split(n.Value, "\n") {
		if text := strings.TrimLeft(line, " "); text != "" {
			return spaces - (len(line) - len(text))
		}
	}
	return -1
}

// headerEnd returns the end of a block scalar's header, without a comment.
func (l *layout) headerEnd(at int) int {
	end := at + 1
	for end < len(l.text) && strings.IndexByte("+-0123456789", l.text[end]) >= 0 {
		end++
	}
	return end
}

// flowEnd returns the offset after the closing bracket, or after the value of a single pair without braces in
// a flow list.
func (l *layout) flowEnd(n *yaml.Node, at int) int {
	if n.Kind == yaml.MappingNode && l.text[at] != '{' {
		return l.pairEnd(n, 0)
	}
	return l.closing(n, at) + 1
}

// closing is the offset of the bracket that ends a flow collection.
func (l *layout) closing(n *yaml.Node, at int) int {
	at++
	for i := len(n.Content) - 1; i >= 0; i-- {
		if hasText(n.Content[i]) {
			at = l.end(n.Content[i])
			break
		}
	}
	for {
		at = l.skipBlank(at)
		if l.text[at] == ']' || l.text[at] == '}' {
			return at
		}
		at++ // a comma, or the colon or question mark of an entry without value
	}
}

// colon is the offset of the colon behind the key at index i of a mapping's content;
// false if the key has none.
func (l *layout) colon(n *yaml.Node, i int) (int, bool) {
	at := l.skipBlank(l.end(n.Content[i]))
	return at, at < len(l.text) && l.text[at] == ':'
}

// pairEnd is the end of the pair whose key is at index i of a mapping's content.
func (l *layout) pairEnd(n *yaml.Node, i int) int {
	if hasText(n.Content[i+1]) {
		return l.end(n.Content[i+1])
	}
	if at, found := l.colon(n, i); found {
		return at + 1
	}
	return l.end(n.Content[i])
}

// dash is the offset of the dash of a block list's item.
func (l *layout) dash(n *yaml.Node, i int) int {
	_, at := l.content(n)
	before := i - 1
	for before >= 0 && !hasText(n.Content[before]) {
		before--
	}
	if before >= 0 {
		at = l.skipBlank(l.end(n.Content[before]))
	}
	for range i - before - 1 {
		at = l.skipBlank(at + 1)
	}
	return at
}

// itemEnd is the end of a block list's item.
func (l *layout) itemEnd(n *yaml.Node, i int) int {
	if hasText(n.Content[i]) {
		return l.end(n.Content[i])
	}
	return l.dash(n, i) + 1
}
