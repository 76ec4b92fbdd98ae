package edit

import (
	"bytes"
	"sort"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// layout finds the start and end of nodes in a document's text. The parser only reports where a node begins
// (with its anchor and tag); ends are found by scanning.
type layout struct {
	text []byte // without byte order marks
	// starts are the offsets of the lines. first is the number, in the stream, of the document's first line,
	// which has before characters that precede the document.
	starts        []int
	first, before int
	// marks caches, by line index, the offsets of every markWidth-th character of the lines that were
	// scanned: a document may be one long line with all nodes on it.
	marks map[int][]int
}

const markWidth = 128

func newLayout(d *manifest.Document) *layout {
	l := &layout{text: manifest.Unmarked(d.Text), first: d.Line, before: max(0, d.Column-1), starts: []int{0}, marks: map[int][]int{}}
	for at := 0; at < len(l.text); {
		at += manifest.LineLength(l.text[at:])
		l.starts = append(l.starts, at)
	}
	return l
}

// start is the offset of a node, of its anchor or tag if it has one.
func (l *layout) start(n *yaml.Node) int {
	line := n.Line - l.first
	at, characters := l.starts[line], n.Column-1
	if line == 0 {
		characters -= l.before
	}
	if characters >= markWidth {
		marks := l.marksOf(line)
		i := min(characters/markWidth, len(marks)-1)
		at, characters = marks[i], characters-i*markWidth
	}
	for range characters {
		if l.text[at] < utf8.RuneSelf {
			at++
			continue
		}
		_, size := utf8.DecodeRune(l.text[at:])
		at += size
	}
	return at
}

// marksOf are the marks of a line; the first is its start.
func (l *layout) marksOf(line int) []int {
	marks, known := l.marks[line]
	if known {
		return marks
	}
	start, end := l.starts[line], len(l.text)
	if line+1 < len(l.starts) {
		end = l.starts[line+1]
	}
	for at, characters := start, 0; at < end || characters == 0; characters++ {
		if characters%markWidth == 0 {
			marks = append(marks, at)
		}
		_, size := utf8.DecodeRune(l.text[at:end])
		at += max(size, 1)
	}
	l.marks[line] = marks
	return marks
}

// isEmpty reports whether a node has no text of its own: a null left out.
func isEmpty(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&^yaml.TaggedStyle == 0
}

// hasText reports whether a node has any text, be it only an anchor or tag.
func hasText(n *yaml.Node) bool {
	return !isEmpty(n) || hasProperties(n)
}

func hasProperties(n *yaml.Node) bool { return n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 }

// content returns the offset of a node's value, after its anchor and tag; properties is the end of those (the
// node's start if it has none).
func (l *layout) content(n *yaml.Node) (properties, content int) {
	at := l.start(n)
	properties, content = at, at
	if n.Kind == yaml.AliasNode {
		return properties, content
	}
	// The properties of a block collection are distinguished from those of its first key by their number:
	// each node has at most one anchor and one tag.
	anchor, tag := n.Anchor != "", n.Style&yaml.TaggedStyle != 0
	for at < len(l.text) {
		switch c := l.text[at]; {
		case c == '&' && anchor:
			at += 1 + len(n.Anchor)
			anchor = false
		case c == '!' && (tag || !isBlock(n)):
			at += l.tagLength(at)
			tag = false
		default:
			return properties, at
		}
		properties = at
		if isEmpty(n) && !anchor && !tag {
			return properties, at
		}
		at = l.skipBlank(at)
	}
	return properties, at
}

func (l *layout) tagLength(at int) int {
	rest := l.text[at:]
	if bytes.HasPrefix(rest, []byte("!<")) {
		return bytes.IndexByte(rest, '>') + 1
	}
	for i, c := range rest {
		if strings.IndexByte(" \t,[]{}", c) >= 0 || manifest.LineBreak(rest[i:]) > 0 {
			return i
		}
	}
	return len(rest)
}

// skipBlank is the offset of the next character that is not blank, break or comment.
func (l *layout) skipBlank(at int) int {
	for at < len(l.text) {
		switch c := l.text[at]; {
		case c == ' ' || c == '\t':
			at++
		case c == '#': // between values it is always a comment
			at = l.lineEnd(at)
		default:
			n := manifest.LineBreak(l.text[at:])
			if n == 0 {
				return at
			}
			at += n
		}
	}
	return at
}

// isSpace reports whether the byte is blank or the end of a break.
func (l *layout) isSpace(at int) bool {
	return strings.IndexByte(" \t\r\n\x85\xa8\xa9", l.text[at]) >= 0
}

// line returns the index of the line that contains the offset.
func (l *layout) line(at int) int {
	return max(0, sort.SearchInts(l.starts, at+1)-1)
}

func (l *layout) lineStart(at int) int { return l.starts[l.line(at)] }

// nextLine returns the start of the line after the one that contains the offset, or the end of the text.
func (l *layout) nextLine(at int) int {
	if i := l.line(at) + 1; i < len(l.starts) {
		return l.starts[i]
	}
	return len(l.text)
}

// lineEnd returns the end of the line that contains the offset, without its line break.
func (l *layout) lineEnd(at int) int {
	next := l.nextLine(at)
	for _, width := range []int{2, 1, 3} {
		if next-width >= at && manifest.LineBreak(l.text[next-width:next]) == width {
			return next - width
		}
	}
	return next
}

// column is the number of characters before the offset in its line.
func (l *layout) column(at int) int {
	line := l.line(at)
	start, before := l.starts[line], 0
	if at-start >= markWidth {
		marks := l.marksOf(line)
		i := sort.SearchInts(marks, at+1) - 1
		start, before = marks[i], i*markWidth
	}
	return before + utf8.RuneCount(l.text[start:at])
}

// indent is the number of spaces that a line begins with.
func (l *layout) indent(lineStart int) int {
	n := 0
	for lineStart+n < len(l.text) && l.text[lineStart+n] == ' ' {
		n++
	}
	return n
}

// firstOnLine reports whether only blanks stand before the offset in its line.
func (l *layout) firstOnLine(at int) bool {
	return len(bytes.TrimLeft(l.text[l.lineStart(at):at], " \t")) == 0
}

// after returns the offset of the line at which text can be inserted after a value that ends at the given
// offset. Comments below the value that are indented by at least indent belong to it and are skipped.
func (l *layout) after(end, indent int) int {
	best := l.nextLine(end)
	for at := best; at < len(l.text); at = l.nextLine(at) {
		line := l.text[at:l.nextLine(at)]
		if !manifest.BlankLine(line) {
			break
		}
		if spaces := l.indent(at); spaces < len(line) && line[spaces] == '#' {
			if spaces < indent {
				break
			}
			best = l.nextLine(at)
		}
	}
	return best
}
