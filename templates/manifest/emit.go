package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splice replaces the text from start to end, perhaps nothing, by another.
type splice struct {
	start, end int
	text       string
	// whole: text is whole lines and must begin on a line of its own.
	whole bool
}

// emitter turns the model's changes into splices of the text.
type emitter struct {
	printer
	eol     string
	style   flowStyle
	splices []splice
}

func newEmitter(m *model) *emitter {
	l := newLayout(m.doc)
	e := &emitter{printer: printer{layout: l, model: m, literals: true}, eol: "\n"}
	if first := l.lineEnd(0); first < len(l.text) {
		e.eol = string(l.text[first:l.nextLine(0)])
	}
	// Without a line break behind it, a block scalar would lose its own.
	e.literals = endsLine(l.text)
	e.unit, e.listUnit = l.units(m.doc.Root)
	e.style = e.flowStyleOf(m.doc.Root)
	return e
}

func endsLine(text []byte) bool {
	return len(text) == 0 || text[len(text)-1] == '\n' || text[len(text)-1] == '\r'
}

// units finds by how much the document indents mappings and lists within mappings: what
// most of them do.
func (l *layout) units(root *yaml.Node) (unit, listUnit int) {
	units, listUnits := map[int]int{}, map[int]int{}
	l.countUnits(root, units, listUnits)
	unit = most(units, 2)
	return unit, most(listUnits, 0)
}

func (l *layout) countUnits(n *yaml.Node, units, listUnits map[int]int) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && isBlock(n) && isBlock(child) && child.Line > n.Line && i%2 == 1 {
			by := child.Column - n.Content[0].Column
			switch {
			case hasProperties(child) || by < 0: // the column is that of the anchor or tag
			case child.Kind == yaml.SequenceNode:
				listUnits[by]++
			case by > 0:
				units[by]++
			}
		}
		l.countUnits(child, units, listUnits)
	}
}

func hasProperties(n *yaml.Node) bool { return n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 }

func most(counts map[int]int, otherwise int) int {
	best := otherwise
	for unit, count := range counts {
		if unit <= 8 && (count > counts[best] || count == counts[best] && unit < best) {
			best = unit
		}
	}
	return best
}

func (e *emitter) emit() ([]byte, error) {
	e.collection(e.model.root, -1, -1)
	slices.SortStableFunc(e.splices, func(a, b splice) int { return a.start - b.start })
	out := make([]byte, 0, len(e.text)+len(e.text)/4)
	at := 0
	for _, s := range e.splices {
		if s.start < at {
			return nil, errors.New("additions overlap in its text")
		}
		out = append(out, e.text[at:s.start]...)
		if s.whole && !endsLine(out) {
			out = append(out, e.eol...)
		}
		out = append(out, s.text...)
		at = s.end
	}
	out = append(out, e.text[at:]...)
	if !endsLine(e.text) {
		out = bytes.TrimSuffix(out, []byte(e.eol))
	}
	return out, nil
}

// replace changes text within lines.
func (e *emitter) replace(start, end int, text string) {
	if end < len(e.text) && e.text[end] == '#' { // a comment close to a bracket
		text += " "
	}
	e.splices = append(e.splices, splice{start: start, end: end, text: text})
}

// insertLines puts whole lines at the beginning of a line.
func (e *emitter) insertLines(at int, lines []string) { e.replaceLines(at, at, lines) }

func (e *emitter) replaceLines(start, end int, lines []string) {
	if len(lines) == 0 && start == end {
		return
	}
	text := ""
	if len(lines) > 0 {
		text = strings.Join(lines, e.eol) + e.eol
	}
	if start == len(e.text) && !endsLine(e.text) {
		e.closeLastScalar()
	}
	e.splices = append(e.splices, splice{start: start, end: end, text: text, whole: true})
}

// closeLastScalar keeps a block scalar that ends the text without a line break from
// getting one when something follows it.
func (e *emitter) closeLastScalar() {
	n := e.model.doc.Root
	for len(n.Content) > 0 && isBlock(n) {
		n = n.Content[len(n.Content)-1]
	}
	if n.Kind != yaml.ScalarNode || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 || strings.HasSuffix(n.Value, "\n") {
		return
	}
	_, content := e.content(n)
	header := e.text[content:e.headerEnd(content)]
	fixed := strings.NewReplacer("+", "", "-", "").Replace(string(header)) + "-"
	for _, s := range e.splices {
		if s.start <= content && s.end > content {
			return // replaced, or done before
		}
	}
	e.replace(content, content+len(header), fixed)
}

// flowStyle is how values are written inside brackets.
type flowStyle struct {
	json bool
	// colon and comma are the separators on one line.
	colon, comma string
	// unit is the indentation where a collection has several lines.
	unit string
}

func (e *emitter) flowStyleOf(root *yaml.Node) flowStyle {
	style := flowStyle{colon: ": ", comma: ", ", unit: "  "}
	if isBlock(root) || !json.Valid(e.text) {
		return style
	}
	style.json = true
	if len(root.Content) == 0 || root.Kind != yaml.MappingNode {
		return style
	}
	if at, found := e.colon(root, 0); found && !e.isSpace(at+1) {
		style.colon, style.comma = ":", ","
	}
	if first := e.start(root.Content[0]); e.firstOnLine(first) {
		opening := e.lineStart(e.start(root))
		style.unit = strings.TrimPrefix(string(e.text[e.lineStart(first):first]), e.margin(opening))
	}
	return style
}

// margin is the blanks that a line begins with.
func (l *layout) margin(lineStart int) string {
	end := lineStart
	for end < len(l.text) && (l.text[end] == ' ' || l.text[end] == '\t') {
		end++
	}
	return string(l.text[lineStart:end])
}
