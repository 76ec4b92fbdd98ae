package templates

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// sourceText is a file's text by lines, for excerpts and for places within scalars.
type sourceText struct{ lines []string }

func newSourceText(data []byte) sourceText {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	return sourceText{lines: strings.Split(text, "\n")}
}

// line gives line n, from 1; "" beyond the end.
func (s sourceText) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return s.lines[n-1]
}

// indentation counts the blanks that a line begins with.
func (s sourceText) indentation(n int) int {
	line := s.line(n)
	return len(line) - len(strings.TrimLeft(line, " "))
}

// excerptWidth is how many characters of a long line an excerpt shows.
const excerptWidth = 120

// excerpt is a line and a caret under one of its characters.
func (s sourceText) excerpt(line, column int) string {
	if line < 1 || line > len(s.lines) || column < 1 {
		return ""
	}
	runes := []rune(s.line(line))
	if len(runes) == 0 {
		return ""
	}
	at := min(column-1, len(runes))
	start, before, after := 0, "", ""
	if len(runes) > excerptWidth {
		if start = max(0, at-excerptWidth/2); start > 0 {
			before = "…"
		}
		if end := start + excerptWidth; end < len(runes) {
			runes, after = runes[:end], "…"
		}
	}
	var b strings.Builder
	b.WriteString(before + string(runes[start:]) + after + "\n")
	b.WriteString(strings.Repeat(" ", utf8.RuneCountInString(before)))
	for _, r := range runes[start:min(at, len(runes))] {
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	b.WriteByte('^')
	return b.String()
}

// place gives line and column of the byte at offset in a scalar's value.
func (s sourceText) place(n *yaml.Node, offset int) (line, column int) {
	if offset < 0 || offset > len(n.Value) || n.Line < 1 || n.Line > len(s.lines) {
		return n.Line, n.Column
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if line, column, ok := s.inBlock(n, offset); ok {
			return line, column
		}
		return s.search(n, offset)
	}
	if line, column, ok := s.inFlow(n, offset); ok {
		return line, column
	}
	return s.search(n, offset)
}

// inBlock finds a place in a | scalar, whose lines stand as they are but for the
// indentation. A > scalar is left to search.
func (s sourceText) inBlock(n *yaml.Node, offset int) (line, column int, ok bool) {
	if n.Style&yaml.LiteralStyle == 0 {
		return 0, 0, false
	}
	before := n.Value[:offset]
	row := strings.Count(before, "\n")
	inRow := before[strings.LastIndexByte(before, '\n')+1:]
	wanted := strings.Split(n.Value, "\n")[row]
	line = n.Line + 1 + row
	source := s.line(line)
	if !strings.HasSuffix(source, wanted) {
		return 0, 0, false
	}
	indent := utf8.RuneCountInString(source) - utf8.RuneCountInString(wanted)
	return line, indent + utf8.RuneCountInString(inRow) + 1, true
}

// inFlow follows a plain or quoted scalar through the text until offset bytes of its
// value are behind.
func (s sourceText) inFlow(n *yaml.Node, offset int) (line, column int, ok bool) {
	line = n.Line
	rest := []rune(s.line(line))
	at := n.Column - 1
	if at < 0 || at >= len(rest) {
		return 0, 0, false
	}
	quote := rune(0)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		quote = '"'
	case n.Style&yaml.SingleQuotedStyle != 0:
		quote = '\''
	}
	if quote != 0 {
		if rest[at] != quote { // a tag or anchor stands before it
			return 0, 0, false
		}
		at++
	}
	value := n.Value
	for done := 0; done < offset; {
		r, size := utf8.DecodeRuneInString(value[done:])
		switch {
		case at >= len(rest), r == '\n', r == ' ' && onlyBlank(rest[at:]):
			// The line is folded: what was its end is one blank or line break.
			line++
			if line > len(s.lines) {
				return 0, 0, false
			}
			rest, at = []rune(s.line(line)), 0
			for at < len(rest) && (rest[at] == ' ' || rest[at] == '\t') {
				at++
			}
			if r != ' ' && r != '\n' {
				return 0, 0, false
			}
			done += size
		case rest[at] == r && !(quote == '"' && r == '\\') && !(quote == '\'' && r == '\''):
			at++
			done += size
		case quote == '\'' && r == '\'':
			at += 2
			done += size
		case quote == '"' && rest[at] == '\\':
			at += escapeLength(rest[at:])
			done += size
		default:
			return 0, 0, false
		}
	}
	return line, at + 1, true
}

func onlyBlank(runes []rune) bool {
	for _, r := range runes {
		if r != ' ' && r != '\t' {
			return false
		}
	}
	return true
}

// escapeLength is how many characters an escape of a double-quoted scalar takes.
func escapeLength(runes []rune) int {
	if len(runes) < 2 {
		return len(runes)
	}
	switch runes[1] {
	case 'x':
		return 4
	case 'u':
		return 6
	case 'U':
		return 10
	default:
		return 2
	}
}

// search looks for the text at the offset in the lines from the scalar's first.
func (s sourceText) search(n *yaml.Node, offset int) (line, column int) {
	snippet := n.Value[offset:]
	if cut := strings.IndexAny(snippet, "\n\"'\\"); cut >= 0 {
		snippet = snippet[:cut]
	}
	const longest, lines = 24, 200
	if len(snippet) > longest {
		snippet = snippet[:longest]
		for !utf8.ValidString(snippet) {
			snippet = snippet[:len(snippet)-1]
		}
	}
	if strings.TrimSpace(snippet) == "" {
		return n.Line, n.Column
	}
	for l := n.Line; l < n.Line+lines && l <= len(s.lines); l++ {
		text := s.line(l)
		from := 0
		if l == n.Line {
			from = len(string([]rune(text)[:min(max(n.Column-1, 0), utf8.RuneCountInString(text))]))
		}
		if i := strings.Index(text[from:], snippet); i >= 0 {
			return l, utf8.RuneCountInString(text[:from+i]) + 1
		}
	}
	return n.Line, n.Column
}
