package load

import (
	"bytes"
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// text is the text of a file by lines, for excerpts and for places within scalars. The zero value is an
// unknown text: nothing is found in it.
type text struct {
	lines []string
	// characters caches the lines that were decoded: a file may be one long line.
	characters map[int]characters
}

// characters are those of a line; the ones from index end on are trailing blanks.
type characters struct {
	all []rune
	end int
}

func newText(data []byte) text {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	all := strings.ReplaceAll(string(data), "\r\n", "\n")
	return text{lines: strings.Split(all, "\n"), characters: map[int]characters{}}
}

// line returns line n, counted from 1; "" beyond the end.
func (t text) line(n int) string {
	if n < 1 || n > len(t.lines) {
		return ""
	}
	return t.lines[n-1]
}

func (t text) of(n int) characters {
	c, known := t.characters[n]
	if !known && t.characters != nil {
		text := t.line(n)
		c = characters{[]rune(text), utf8.RuneCountInString(strings.TrimRight(text, " \t"))}
		t.characters[n] = c
	}
	return c
}

// indentation counts the blanks that a line begins with.
func (t text) indentation(n int) int {
	line := t.line(n)
	return len(line) - len(strings.TrimLeft(line, " "))
}

// excerptWidth is the maximum number of characters of a line that an excerpt shows.
const excerptWidth = 120

// excerpt is a line and a caret under one of its characters.
func (t text) excerpt(line, column int) string {
	if line < 1 || line > len(t.lines) || column < 1 {
		return ""
	}
	runes := t.of(line).all
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
	shown := strings.Map(func(r rune) rune {
		if r != '\t' && message.Unseen(r) {
			return unicode.ReplacementChar // one character for one, so that the caret stays under its character
		}
		return r
	}, string(runes[start:]))
	b.WriteString(before + shown + after + "\n")
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

// position is a place in a file, counted from 1.
type position struct{ line, column int }

// place returns line and column of the byte at offset in a scalar's value.
func (t text) place(n *yaml.Node, offset int) (line, column int) {
	if offset < 0 || offset > len(n.Value) || n.Line < 1 || n.Line > len(t.lines) {
		return n.Line, n.Column
	}
	for at, p := range t.walk(n) {
		if at >= offset {
			return p.line, p.column
		}
	}
	return t.search(n, offset)
}

// runs returns where the expressions of a scalar's value stand, from which the place of each of their
// characters follows; nil for an unknown text.
func (t text) runs(n *yaml.Node, parts []expression.Part) []program.Run {
	if n.Line < 1 || n.Line > len(t.lines) {
		return nil
	}
	var runs []program.Run
	add := func(offset int, p position) {
		run := program.Run{Offset: offset, Line: p.line, Column: p.column}
		if last := len(runs) - 1; last < 0 || !runs[last].Continues(run) {
			runs = append(runs, run)
		}
	}
	reached := -1
	for at, p := range t.walk(n) {
		for len(parts) > 0 && at >= parts[0].Offset+len(parts[0].Text) {
			parts = parts[1:]
		}
		if len(parts) == 0 {
			return runs
		}
		if parts[0].Expression && at >= parts[0].Offset {
			add(at, p)
		}
		reached = at
	}
	for _, part := range parts { // the text is not understood from here on
		if part.Expression && part.Offset > reached {
			line, column := t.search(n, part.Offset)
			add(part.Offset, position{line, column})
		}
	}
	return runs
}

// walk yields the offsets of the characters of a scalar's value with their places. It ends early where the
// text does not match the value.
func (t text) walk(n *yaml.Node) iter.Seq2[int, position] {
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return func(yield func(int, position) bool) { t.inBlock(n, yield) }
	}
	return func(yield func(int, position) bool) { t.inFlow(n, yield) }
}

// inBlock walks a | or > scalar: its value is the lines of its text without their indentation, joined by line
// breaks or, if folded, by blanks. The offset of a break is not yielded.
func (t text) inBlock(n *yaml.Node, yield func(int, position) bool) {
	value := n.Value
	first := n.Line + 1
	for first <= len(t.lines) && strings.TrimSpace(t.line(first)) == "" {
		first++
	}
	content := strings.TrimLeft(value, "\n")
	indent := t.indentation(first) - (len(content) - len(strings.TrimLeft(content, " ")))
	if content == "" || indent < 0 {
		return
	}
	at := 0
	for line := first; line <= len(t.lines); line++ {
		source := t.line(line)
		if strings.TrimSpace(source) == "" && len(source) <= indent {
			continue // a break, which is in the value before its next line
		}
		if len(source) < indent {
			return
		}
		rest := source[indent:]
		for at < len(value) && (value[at] == '\n' || value[at] == ' ' && at > 0 && !strings.HasPrefix(rest, " ")) {
			at++
		}
		if !strings.HasPrefix(value[at:], rest) {
			return
		}
		column := indent
		for i := range rest {
			column++
			if !yield(at+i, position{line, column}) {
				return
			}
		}
		at += len(rest)
	}
}

// inFlow walks a plain or quoted scalar, by reading its text as far as it matches the value.
func (t text) inFlow(n *yaml.Node, yield func(int, position) bool) {
	c := &cursor{source: t, line: n.Line, chars: t.of(n.Line), at: n.Column - 1}
	c.skipProperties(n)
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		c.quote = '"'
	case n.Style&yaml.SingleQuotedStyle != 0:
		c.quote = '\''
	}
	if c.at < 0 || c.at >= len(c.chars.all) || c.quote != 0 && c.chars.all[c.at] != c.quote {
		return
	}
	if c.quote != 0 {
		c.at++
	}
	for rest := n.Value; ; {
		c.joinLines()
		if c.line > len(t.lines) || !yield(len(n.Value)-len(rest), position{c.line, c.at + 1}) || rest == "" {
			return
		}
		taken := c.take(rest)
		if taken == 0 {
			return
		}
		rest = rest[taken:]
	}
}

// cursor is a place in the text of a plain or quoted scalar.
type cursor struct {
	source text
	line   int
	chars  characters // of the line
	at     int        // index of the next character
	quote  rune       // 0 in a plain scalar
}

// skipProperties skips a tag and an anchor, which precede the scalar.
func (c *cursor) skipProperties(n *yaml.Node) {
	rest := c.chars.all
	for n.Style&yaml.TaggedStyle != 0 || n.Anchor != "" {
		if c.at < 0 || c.at >= c.chars.end || rest[c.at] != '!' && rest[c.at] != '&' {
			return
		}
		for c.at < c.chars.end && rest[c.at] != ' ' && rest[c.at] != '\t' {
			c.at++
		}
		for c.at < c.chars.end && (rest[c.at] == ' ' || rest[c.at] == '\t') {
			c.at++
		}
	}
}

// joinLines goes to the next line if this one ends with a backslash in a double-quoted scalar.
func (c *cursor) joinLines() {
	if c.quote == '"' && c.at == len(c.chars.all)-1 && c.chars.all[c.at] == '\\' {
		c.nextLine()
	}
}

// nextLine goes to the first character of the next line that has one.
func (c *cursor) nextLine() {
	for c.line++; c.line <= len(c.source.lines); c.line++ {
		c.chars, c.at = c.source.of(c.line), 0
		for c.at < c.chars.end && (c.chars.all[c.at] == ' ' || c.chars.all[c.at] == '\t') {
			c.at++
		}
		if c.at < c.chars.end {
			return
		}
	}
}

// take skips the text that represents the first bytes of rest, the remaining value, and returns how many
// bytes those are; 0 if the text does not match.
func (c *cursor) take(rest string) int {
	r, size := utf8.DecodeRuneInString(rest)
	here := c.chars.all
	switch {
	case c.line > len(c.source.lines):
		return 0
	case c.at >= len(here), r == '\n' && here[c.at] != '\\', r == ' ' && c.at >= c.chars.end:
		// The line is folded: its end is one blank, or one line break for each empty line that follows.
		breaks := len(rest) - len(strings.TrimLeft(rest, "\n"))
		if r != ' ' && breaks == 0 {
			return 0
		}
		c.nextLine()
		return max(breaks, 1)
	case c.quote == '\'' && r == '\'':
		c.at += 2
	case c.quote == '"' && here[c.at] == '\\':
		c.at += escapeLength(here[c.at:])
	case here[c.at] == r:
		c.at++
	default:
		return 0
	}
	return size
}

// escapeLength returns the number of characters of an escape sequence in a double-quoted scalar.
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

// search looks for the value's text at the offset in the lines from the scalar's first line on.
func (t text) search(n *yaml.Node, offset int) (line, column int) {
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
	for l := n.Line; l < n.Line+lines && l <= len(t.lines); l++ {
		text, from := t.of(l).all, 0
		if l == n.Line {
			from = min(max(n.Column-1, 0), len(text))
		}
		// Escapes and indentation make the text longer than the value, by at most this factor.
		text = text[from:min(from+10*len(n.Value)+excerptWidth, len(text))]
		near := string(text)
		if i := strings.Index(near, snippet); i >= 0 {
			return l, from + utf8.RuneCountInString(near[:i]) + 1
		}
	}
	return n.Line, n.Column
}
