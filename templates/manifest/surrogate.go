package manifest

import (
	"encoding/json"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// surrogate is an escape that JSON writes characters beyond U+FFFF with, in
// pairs. YAML has no such thing, though it claims to contain JSON.
var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)

// maskSurrogates gives JSON in which an escape of the same length stands for each
// surrogate, so that positions stay; false if there is nothing to mask.
func maskSurrogates(text []byte) ([]byte, bool) {
	if !surrogate.Match(text) || !json.Valid(text) {
		return nil, false
	}
	return surrogate.ReplaceAll(text, []byte(`\ufffd`)), true
}

// unmaskSurrogates reads the strings of a JSON document again, from its own text.
func unmaskSurrogates(text []byte, root *yaml.Node) {
	unmask(newLayout(&Document{Text: text, Line: 1}), root)
}

func unmask(l *layout, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Style&yaml.DoubleQuotedStyle != 0 {
		var value string
		if err := json.Unmarshal(l.text[l.start(n):l.end(n)], &value); err == nil {
			n.Value = value
		}
	}
	for _, child := range n.Content {
		unmask(l, child)
	}
}
