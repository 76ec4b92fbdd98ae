package manifest

import (
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"go.yaml.in/yaml/v3"
)

// JSON returns the document's value as JSON; null if there is none.
func (d *Document) JSON() []byte { return JSON(d.Root) }

// JSON returns a node's value as sigs.k8s.io/yaml converts it, except that the keys are in the order of the
// text: aliases and merge keys expanded, YAML 1.1 booleans, integers exact. The node must belong to a
// Document that was parsed without error; nil is null.
func JSON(n *yaml.Node) []byte { return appendJSON(nil, n) }

func appendJSON(b []byte, n *yaml.Node) []byte {
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
			b = appendJSON(b, p.value)
		}
		return append(b, '}')
	case yaml.SequenceNode:
		b = append(b, '[')
		for i, item := range n.Content {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	default:
		return appendScalar(b, n)
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
		return appendFloat(b, value.float)
	}
	return append(b, value.text...)
}

// appendFloat prints a float as encoding/json does.
func appendFloat(b []byte, f float64) []byte {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	b = strconv.AppendFloat(b, f, format, -1, 64)
	if n := len(b); format == 'e' && n >= 4 && b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' {
		b[n-2] = b[n-1] // e-09 is e-9
		b = b[:n-1]
	}
	return b
}

// appendString appends a JSON string; invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s)
	return b
}
