package diff

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// masked maps the numbers of lines with values of Secrets, from 1, to their masked text.
type masked map[int]string

const mask = "***"

// line returns a line of a diff, masked if necessary; its first character, the sign, is kept.
func (m masked) line(number int, line string) string {
	shown, secret := m[number]
	if !secret {
		return line
	}
	_, newline := strings.CutSuffix(line, "\n")
	line = line[:1] + shown
	if newline {
		line += "\n"
	}
	return line
}

// lastApplied is the annotation in which kubectl apply keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// maskSecrets masks the values of every Secret in a stream: all text from where the parser found a value to
// where it found the next node that is not secret, so that nothing has to be assumed about quotes and
// indentation. Comments in between are masked as well.
func maskSecrets(stream *manifest.Stream, text []byte) masked {
	m := &masker{lines: bytes.SplitAfter(text, []byte("\n")),
		hidden: map[*yaml.Node]bool{}, visited: map[*yaml.Node]bool{},
		inFlow: map[*yaml.Node]bool{}, spans: map[int][]span{}}
	for _, document := range stream.Documents {
		m.object(document.Root, false)
	}
	switch {
	case len(m.values) == 0:
		return masked{}
	case hasOddBreaks(text):
		return m.all()
	}
	for _, document := range stream.Documents {
		m.visit(document.Root, false)
	}
	slices.SortFunc(m.starts, func(a, b beginning) int { return a.compare(b.place) })
	for _, v := range m.values {
		m.cover(v)
	}
	return m.masked()
}

// place is a position: a line, from 1, and a byte offset in it, from 0.
type place struct{ line, at int }

func (a place) compare(b place) int {
	return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.at, b.at))
}

// beginning is the start of a node; flow is true inside of a flow collection ({} or []).
type beginning struct {
	place
	flow bool
}

// span is a part of a line, in bytes.
type span struct{ start, end int }

type masker struct {
	lines [][]byte
	// values are the nodes to mask; hidden contains them and all nodes below them.
	values  []*yaml.Node
	hidden  map[*yaml.Node]bool
	visited map[*yaml.Node]bool
	// starts are the starts of all nodes that may be shown; inFlow are the values inside of flow
	// collections.
	starts []beginning
	inFlow map[*yaml.Node]bool
	spans  map[int][]span
}

// object finds Secrets; secret is true if the surrounding list is a SecretList.
func (m *masker) object(n *yaml.Node, secret bool) {
	if n = manifest.Resolve(n); n == nil || m.visited[n] && !secret {
		return
	}
	m.visited[n] = true
	kind := ""
	if value := manifest.At(n, "/kind"); value != nil {
		kind = value.Value
	}
	_, text := manifest.Member(n, "stringData") // only Secrets have it
	if _, items := manifest.Member(n, "items"); items != nil && items.Kind == yaml.SequenceNode {
		for _, item := range items.Content {
			m.object(item, secret || kind == "SecretList")
		}
	}
	if !secret && kind != "Secret" && text == nil {
		return
	}
	for _, field := range []string{"data", "stringData"} {
		m.fields(manifest.Child(n, field))
	}
	if _, value := manifest.Member(manifest.At(n, "/metadata/annotations"), lastApplied); value != nil {
		m.hide(value)
	}
}

// fields hides the values of a mapping, including those of merge keys (<<). If n is not a mapping, it is
// hidden completely.
func (m *masker) fields(n *yaml.Node) {
	if n = manifest.Resolve(n); n == nil {
		return
	}
	if n.Kind != yaml.MappingNode {
		m.hide(n)
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "<<" {
			m.fields(n.Content[i+1])
			continue
		}
		m.hide(n.Content[i+1])
	}
}

// hide adds a node to the values, following aliases.
func (m *masker) hide(n *yaml.Node) {
	if n = manifest.Resolve(n); m.hidden[n] {
		return
	}
	m.values = append(m.values, n)
	m.hideAll(n)
}

func (m *masker) hideAll(n *yaml.Node) {
	m.hidden[n] = true
	for _, c := range n.Content {
		if c.Kind == yaml.AliasNode {
			m.hidden[c] = true
			m.hide(c)
			continue
		}
		m.hideAll(c)
	}
}

// visit records the starts of all nodes that are not hidden. An omitted null has no start.
func (m *masker) visit(n *yaml.Node, flow bool) {
	if n == nil {
		return
	}
	if m.hidden[n] {
		m.inFlow[n] = flow
	} else if n.Kind != yaml.ScalarNode || n.Value != "" {
		m.starts = append(m.starts, beginning{m.place(n), flow})
	}
	flow = flow || n.Style&yaml.FlowStyle != 0
	for _, c := range n.Content {
		m.visit(c, flow)
	}
}

func (m *masker) place(n *yaml.Node) place {
	if n.Line < 1 || n.Line > len(m.lines) {
		return place{len(m.lines) + 1, 0}
	}
	return place{n.Line, byteOffset(m.lines[n.Line-1], n.Column-1)}
}

// cover masks one value.
func (m *masker) cover(n *yaml.Node) {
	begin, flow := m.place(n), m.inFlow[n]
	end, sameFlow := place{len(m.lines) + 1, 0}, false
	if i, _ := slices.BinarySearchFunc(m.starts, begin, func(a beginning, b place) int { return a.compare(b) }); i < len(m.starts) {
		end, sameFlow = m.starts[i].place, flow && m.starts[i].flow
	}
	for number := begin.line + 1; number < end.line; number++ {
		if endsDocument(m.lines[number-1]) {
			end = place{number, 0}
		}
	}
	if !sameFlow && end.line > begin.line {
		// On the line of the next node only a dash or a question mark can precede it.
		end = place{end.line, 0}
	}
	for closing := flow; end.line >= begin.line; end = (place{end.line - 1, -1}) {
		if end.line > len(m.lines) {
			continue
		}
		line := m.lines[end.line-1]
		from, to := 0, end.at
		if end.line == begin.line {
			from = begin.at
		}
		if to < 0 {
			to = len(line)
		}
		shown := " \t\r\n"
		if closing { // in a flow collection no unquoted value ends in one of these
			shown += ",]}"
		}
		text := bytes.TrimRight(line[from:max(from, to)], shown)
		closing = closing && len(text) == 0
		if len(text) > 0 {
			indent := len(text) - len(bytes.TrimLeft(text, " \t"))
			m.spans[end.line] = append(m.spans[end.line], span{from + indent, from + len(text)})
		}
	}
}

// endsDocument reports whether a line is a document marker (--- or ...), which no value can contain.
func endsDocument(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		rest, ok = bytes.CutPrefix(line, []byte("..."))
	}
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// hasOddBreaks reports whether the text has characters because of which YAML counts lines or characters
// differently than a diff.
func hasOddBreaks(text []byte) bool {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	return bytes.ContainsAny(text, "\r\u0085\u2028\u2029\ufeff")
}

// all masks every line.
func (m *masker) all() masked {
	out := masked{}
	for i := range m.lines {
		out[i+1] = mask
	}
	return out
}

// masked returns the lines with the spans masked.
func (m *masker) masked() masked {
	out := masked{}
	for number, spans := range m.spans {
		line := strings.TrimRight(string(m.lines[number-1]), "\r\n")
		var b strings.Builder
		at := 0
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.start, b.start) })
		for _, s := range spans {
			if s.start >= at {
				b.WriteString(line[at:s.start] + mask)
			}
			at = max(at, s.end)
		}
		out[number] = b.String() + line[at:]
	}
	return out
}

// byteOffset converts an offset in characters to one in bytes.
func byteOffset(line []byte, characters int) int {
	if characters <= 0 {
		return 0
	}
	for i := range string(line) {
		if characters == 0 {
			return i
		}
		characters--
	}
	return len(line)
}
