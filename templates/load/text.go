package load

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// text is that of a file by lines, for excerpts and for places within scalars. The
// zero value is a text that nobody has seen: nothing is found in it.
type text struct {
	lines []string
	// characters are those of lines that were looked at: a file may be one long line.
	characters map[int]characters
}

// characters are those of a line; the last of them from end on are blanks.
type characters struct {
	all []rune
	end int
}

func newText(data []byte) text {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	all := strings.ReplaceAll(string(data), "\r\n", "\n")
	return text{lines: strings.Split(all, "\n"), characters: map[int]characters{}}
}

// line gives line n, from 1; "" beyond the end.
func (t text) line(n int) string {
	if n < 1 || n > len(t.lines) {
		return ""
	}
	return t.lines[n-1]
}

// of gives the characters of line n.
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

// excerptWidth is how many characters of a long line an excerpt shows.
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
			return unicode.ReplacementChar // one for one: the caret stays under its character
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

// place gives line and column of the byte at offset in a scalar's value.
func (t text) place(n *yaml.Node, offset int) (line, column int) {
	if offset < 0 || offset > len(n.Value) || n.Line < 1 || n.Line > len(t.lines) {
		return n.Line, n.Column
	}
	if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		if line, column, ok := t.inBlock(n, offset); ok {
			return line, column
		}
		return t.search(n, offset)
	}
	if line, column, ok := t.inFlow(n, offset); ok {
		return line, column
	}
	return t.search(n, offset)
}

// inBlock finds a place in a | scalar, whose lines stand as they are but for the
// indentation. A > scalar is left to search.
func (t text) inBlock(n *yaml.Node, offset int) (line, column int, ok bool) {
	if n.Style&yaml.LiteralStyle == 0 {
		return 0, 0, false
	}
	before := n.Value[:offset]
	row := strings.Count(before, "\n")
	inRow := before[strings.LastIndexByte(before, '\n')+1:]
	wanted := strings.Split(n.Value, "\n")[row]
	line = n.Line + 1 + row
	source := t.line(line)
	if !strings.HasSuffix(source, wanted) {
		return 0, 0, false
	}
	indent := utf8.RuneCountInString(source) - utf8.RuneCountInString(wanted)
	return line, indent + utf8.RuneCountInString(inRow) + 1, true
}

// inFlow follows a plain or quoted scalar through the text until offset bytes of its
// value are behind.
func (t text) inFlow(n *yaml.Node, offset int) (line, column int, ok bool) {
	line = n.Line
	chars := t.of(line)
	rest := chars.all
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
		case at >= len(rest), r == '\n', r == ' ' && at >= chars.end:
			// The line is folded: what was its end is one blank or line break.
			line++
			if line > len(t.lines) {
				return 0, 0, false
			}
			chars = t.of(line)
			rest, at = chars.all, 0
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
		// Escapes and indentation make a value longer, within reason.
		text = text[from:min(from+10*len(n.Value)+excerptWidth, len(text))]
		near := string(text)
		if i := strings.Index(near, snippet); i >= 0 {
			return l, from + utf8.RuneCountInString(near[:i]) + 1
		}
	}
	return n.Line, n.Column
}
