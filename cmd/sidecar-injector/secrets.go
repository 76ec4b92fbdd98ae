package main

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// masked holds, by line number from 1, what may be shown of lines with values of Secrets.
type masked map[int]string

const mask = "***"

// line is a line of a diff, without its sign's text if that is secret.
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

// lastApplied holds a copy of the whole object, as kubectl apply left it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// maskSecrets covers the values of every Secret of a stream. Where a value's end is
// hard to tell, it covers the rest of the line: too much rather than too little.
func maskSecrets(stream *manifest.Stream, text []byte) masked {
	m := masker{lines: bytes.SplitAfter(text, []byte("\n")), spans: map[int][]span{}}
	for _, document := range stream.Documents {
		m.object(document.Root)
	}
	return m.masked()
}

// span is a part of a line, in bytes; end -1 is its end.
type span struct{ start, end int }

type masker struct {
	lines [][]byte
	spans map[int][]span
}

func (m *masker) object(n *yaml.Node) {
	if _, items := member(n, "items"); items != nil && items.Kind == yaml.SequenceNode {
		for _, item := range items.Content {
			m.object(manifest.Resolve(item))
		}
	}
	if _, kind := member(n, "kind"); kind == nil || kind.Value != "Secret" {
		return
	}
	for _, field := range []string{"data", "stringData"} {
		for key, value := range manifest.Pairs(child(n, field)) {
			m.value(key, value)
		}
	}
	if key, value := member(at(n, "/metadata/annotations"), lastApplied); value != nil {
		m.value(key, value)
	}
}

// value covers one scalar.
func (m *masker) value(key, value *yaml.Node) {
	if value.Kind != yaml.ScalarNode || value.Line < 1 || value.Line > len(m.lines) {
		return
	}
	start := byteOffset(m.lines[value.Line-1], value.Column-1)
	switch {
	case value.Style&yaml.DoubleQuotedStyle != 0:
		m.quoted(value.Line, start, '"')
	case value.Style&yaml.SingleQuotedStyle != 0:
		m.quoted(value.Line, start, '\'')
	default:
		m.indented(key, value.Line, start)
	}
}

// quoted covers up to the closing quote.
func (m *masker) quoted(number, start int, quote byte) {
	opened := false
	for ; number <= len(m.lines); number++ {
		line := m.lines[number-1]
		for i := start; i < len(line); i++ {
			switch {
			case line[i] == '\\' && quote == '"' && opened:
				i++
			case line[i] == quote && !opened:
				opened = true
			case line[i] == quote && quote == '\'' && i+1 < len(line) && line[i+1] == quote:
				i++
			case line[i] == quote:
				m.cover(number, start, i+1)
				return
			}
		}
		m.cover(number, start, -1)
		start = 0
	}
}

// indented covers a plain or block scalar: the rest of its line, in a flow collection
// up to the next separator, and the lines indented below its key.
func (m *masker) indented(key *yaml.Node, number, start int) {
	line := m.lines[number-1]
	block := start < len(line) && (line[start] == '|' || line[start] == '>')
	end := -1
	if i := bytes.IndexAny(line[min(start, len(line)):], ",}]"); i >= 0 && !block {
		end = start + i
	}
	m.cover(number, start, end)
	if end >= 0 {
		return
	}
	for number++; number <= len(m.lines); number++ {
		line := m.lines[number-1]
		rest := bytes.TrimLeft(line, " ")
		blank := len(bytes.TrimSpace(rest)) == 0
		if !blank && (len(line)-len(rest) < key.Column || bytes.HasPrefix(line, []byte("---"))) {
			return
		}
		if !blank {
			m.cover(number, 0, -1)
		}
	}
}

func (m *masker) cover(number, start, end int) {
	m.spans[number] = append(m.spans[number], span{start, end})
}

// masked applies the spans.
func (m *masker) masked() masked {
	out := masked{}
	for number, spans := range m.spans {
		line := strings.TrimRight(string(m.lines[number-1]), "\r\n")
		var b strings.Builder
		at := 0
		slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
		for _, s := range spans {
			end := s.end
			if end < 0 || end > len(line) {
				end = len(line)
			}
			if s.start < at {
				at = max(at, end)
				continue
			}
			shown := line[at:s.start]
			if s.start == 0 {
				shown = line[:len(line)-len(strings.TrimLeft(line, " "))]
			}
			b.WriteString(shown + mask)
			at = end
		}
		out[number] = b.String() + line[min(at, len(line)):]
	}
	return out
}

// byteOffset turns a number of characters into one of bytes.
func byteOffset(line []byte, characters int) int {
	for i := range string(line) {
		if characters == 0 {
			return i
		}
		characters--
	}
	return len(line)
}
