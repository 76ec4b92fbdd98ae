package manifest

import (
	"bytes"
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

// unmaskSurrogates reads the strings of a JSON document again, from its own text: its
// tokens come in the order of its nodes.
func unmaskSurrogates(text []byte, root *yaml.Node) {
	unmask(json.NewDecoder(bytes.NewReader(text)), root)
}

func unmask(decoder *json.Decoder, n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		for {
			token, err := decoder.Token()
			if err != nil {
				return
			}
			if _, bracket := token.(json.Delim); bracket {
				continue
			}
			if value, ok := token.(string); ok {
				n.Value = value
			}
			return
		}
	}
	for _, child := range n.Content {
		unmask(decoder, child)
	}
}
