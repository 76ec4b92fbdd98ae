package manifest

import (
	"encoding/json"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// foreign matches the escapes of JSON that YAML, or the parser, does not have, although YAML is specified as a
// superset of JSON: half of a surrogate pair, by which JSON escapes characters beyond U+FFFF, and a slash.
var foreign = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\/`)

// maskEscapes replaces each foreign escape in a JSON text by another one of the same length, so that positions
// stay the same; false if there is nothing to replace.
func maskEscapes(text []byte) ([]byte, bool) {
	if !foreign.Match(text) || !json.Valid(text) {
		return nil, false
	}
	return foreign.ReplaceAllFunc(text, func(escape []byte) []byte {
		if len(escape) == len(`\/`) {
			return []byte(`\n`)
		}
		return []byte(`\ufffd`)
	}), true
}

// unmask sets the strings of a JSON document's nodes from its original text, whose tokens are in the order of
// the nodes.
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
