package edit

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splice replaces the text from start to end, which may be empty, by another text.
type splice struct {
	start, end int
	text       string
	// whole says that text consists of whole lines and must begin on a line of its own.
	whole bool
}

// emitter turns the model's changes into splices of the text.
type emitter struct {
	printer
	*layout
	model   *model
	eol     string
	splices []splice
}

func newEmitter(m *model) *emitter {
	l := newLayout(m.doc)
	e := &emitter{layout: l, model: m, eol: "\n"}
	if first := l.lineEnd(0); first < len(l.text) {
		e.eol = string(l.text[first:l.nextLine(0)])
	}
	// Without a line break after the document, a block scalar at its end would lose its own.
	e.literals = endsLine(l.text)
	e.unit, e.listUnit = units(m.doc.Root)
	return e
}

func endsLine(text []byte) bool {
	return len(text) == 0 || text[len(text)-1] == '\n' || text[len(text)-1] == '\r'
}

// units returns the indentation of mappings, and of lists within mappings, that is most frequent in the
// document.
func units(root *yaml.Node) (unit, listUnit int) {
	units, listUnits := map[int]int{}, map[int]int{}
	countUnits(root, units, listUnits)
	return most(units, 2), most(listUnits, 0)
}

func countUnits(n *yaml.Node, units, listUnits map[int]int) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && isBlock(n) && isBlock(child) && child.Line > n.Line && i%2 == 1 {
			by := child.Column - n.Content[0].Column
			switch {
			case hasProperties(child) || by < 0: // the node's column is that of the anchor or tag
			case child.Kind == yaml.SequenceNode:
				listUnits[by]++
			case by > 0:
				units[by]++
			}
		}
		countUnits(child, units, listUnits)
	}
}

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
	if e.model.root == nil {
		e.whole()
	} else {
		e.collection(e.model.root, -1, -1)
	}
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

// whole prints a document again that is a flow collection, or JSON.
func (e *emitter) whole() {
	root := e.model.doc.Root
	start, end := e.start(root), e.end(root)
	if json.Valid(e.text[start:end]) {
		e.replace(start, end, string(e.jsonStyle(root).append(nil, e.model.fresh, e.eol)))
		return
	}
	lines := append(e.comments(root, start, e.nextLine(end), 0), e.block(e.model.fresh, 0)...)
	if !e.firstOnLine(start) { // --- {a: b}
		e.replace(start, start, "")
		lines[0] = e.eol + lines[0]
	}
	e.replace(start, e.lineEnd(end), strings.Join(lines, e.eol))
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

// closeLastScalar prevents a block scalar at the end of the text, without a final line break, from gaining
// one when something is added after it.
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
			return // replaced, or handled already
		}
	}
	e.replace(content, content+len(header), fixed)
}

// comment matches a comment after a value or on its own line.
var comment = regexp.MustCompile(`(?:^|[ \t\r\n,\[\]{}])(#[^\r\n]*)`)

// comments returns, as lines at the column, the comments in the text from start to end of a value that is
// printed again.
func (e *emitter) comments(n *yaml.Node, start, end, column int) []string {
	var lines []string
	gap := func(from, to int) {
		for _, match := range comment.FindAllSubmatch(e.text[from:max(from, min(to, end))], -1) {
			lines = append(lines, strings.Repeat(" ", column)+strings.TrimRight(string(match[1]), " \t"))
		}
	}
	at := start
	var visit func(n *yaml.Node)
	visit = func(n *yaml.Node) { // the text between values consists of blanks, punctuation and comments
		if n.Kind != yaml.MappingNode && n.Kind != yaml.SequenceNode {
			if from := e.start(n); hasText(n) && from >= at && from < end {
				gap(at, from)
				at = e.end(n)
			}
			return
		}
		for _, child := range n.Content {
			visit(child)
		}
	}
	visit(n)
	gap(at, end)
	return lines
}
