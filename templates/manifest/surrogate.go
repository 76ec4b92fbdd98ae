package manifest

import (
	"bytes"
	"encoding/json"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// surrogate matches half of a surrogate pair, by which JSON escapes characters beyond U+FFFF. YAML has no
// surrogates, although it is specified as a superset of JSON.
var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F][0-9a-fA-F]{2}`)

// maskSurrogates replaces each surrogate in a JSON text by another escape of the same length, so that
// positions stay the same; false if there is nothing to replace.
func maskSurrogates(text []byte) ([]byte, bool) {
	if !surrogate.Match(text) || !json.Valid(text) {
		return nil, false
	}
	return surrogate.ReplaceAll(text, []byte(`\ufffd`)), true
}

// unmaskSurrogates sets the strings of a JSON document's nodes from its original text, whose tokens are in
// the order of the nodes.
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
