package manifest

import (
	"encoding/json"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// JSON returns the document's value as JSON; null if there is none.
func (d *Document) JSON() []byte { return JSON(d.Root) }

// JSON returns a node's value as sigs.k8s.io/yaml converts it, except that the keys are in the order of the
// text: aliases and merge keys expanded, YAML 1.1 booleans, integers exact. The node must belong to a
// Document that was parsed without error; nil is null.
func JSON(n *yaml.Node) []byte { return appendJSON(nil, n, appendScalar) }

// Written returns the document's value as JSON does, with its numbers as they are written, where JSON has that
// notation: 1.50, 1e3, and integers that no float holds.
func (d *Document) Written() []byte { return appendJSON(nil, d.Root, d.appendWritten) }

// appendWritten appends a scalar of Written. A number that is too large for any float, such as 1e400, stays a number in
// JSON; in YAML it is a string to Kubernetes.
func (d *Document) appendWritten(b []byte, n *yaml.Node) []byte {
	if n.Style == 0 && IsNumber(n.Value) && (d.isJSON || !PlainString(n.Value)) {
		return append(b, n.Value...)
	}
	return appendScalar(b, n)
}

func isJSON(text []byte) bool {
	text = Unmarked(text)
	return json.Valid(text[contentAt(text):])
}

// IsNumber reports whether a text is a number in JSON.
func IsNumber(text string) bool {
	return text != "" && (text[0] == '-' || '0' <= text[0] && text[0] <= '9') && json.Valid([]byte(text))
}

// appender appends the JSON of a scalar.
type appender func(b []byte, n *yaml.Node) []byte

func appendJSON(b []byte, n *yaml.Node, scalar appender) []byte {
	n = Resolve(n)
	if n == nil {
		return append(b, "null"...)
	}
	switch n.Kind {
	case yaml.MappingNode:
		b = append(b, '{')
		for i, p := range pairs(n) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, p.name)
			b = append(b, ':')
			b = appendJSON(b, p.value, scalar)
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item, scalar)
		}
		return append(b, ']')
	default:
		return scalar(b, n)
	}
}

func appendScalar(b []byte, n *yaml.Node) []byte {
	value, err := resolveScalar(n)
	switch {
	case err != nil: // refused by Parse
		return append(b, "null"...)
	case value.kind == stringScalar:
		return appendString(b, value.text)
	case value.kind == floatScalar:
		return append(b, jsontext.Float(value.float).String()...)
	}
	return append(b, value.text...)
}

// appendString appends a JSON string; invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
