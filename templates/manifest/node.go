package manifest

import (
	"errors"
	"iter"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Resolve follows an alias to its anchored node; other nodes, and nil, are returned unchanged.
func Resolve(n *yaml.Node) *yaml.Node {
	for n != nil && n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// Pairs returns the keys and values of a mapping, or of an alias of one, in the order of the text, with
// aliases followed. Merge keys are expanded in place: an explicit key takes precedence over a merged one, an
// earlier merged mapping over a later one. A node that is not a mapping has no pairs.
func Pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		n = Resolve(n)
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for _, p := range pairs(n) {
			if !yield(Resolve(p.key), Resolve(p.value)) {
				return
			}
		}
	}
}

// pair is one entry of a mapping as written; key and value may be aliases.
type pair struct {
	name       string
	key, value *yaml.Node
	merged     bool // came by a merge key
}

// pairs lists a mapping's entries with merge keys expanded.
func pairs(n *yaml.Node) []pair {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			return expand(nil, n, map[string]bool{}, false)
		}
	}
	list := make([]pair, 0, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, _ := keyText(n.Content[i])
		list = append(list, pair{name, n.Content[i], n.Content[i+1], false})
	}
	return list
}

func merge(list []pair, value *yaml.Node, seen map[string]bool) []pair {
	value = Resolve(value)
	if value.Kind != yaml.SequenceNode {
		return expand(list, value, seen, true)
	}
	for _, source := range value.Content {
		list = expand(list, Resolve(source), seen, true)
	}
	return list
}

// expand appends the entries of a mapping whose names are not in seen, and adds them to it. Nested merges are
// walked once, without intermediate lists.
func expand(list []pair, n *yaml.Node, seen map[string]bool, merged bool) []pair {
	// The mapping's own names take precedence over merged ones, wherever the merge key is.
	own := make([]*pair, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if name, _ := keyText(key); !isMerge(key) && !seen[name] {
			seen[name] = true
			own[i/2] = &pair{name, key, n.Content[i+1], merged}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			list = merge(list, n.Content[i+1], seen)
		} else if p := own[i/2]; p != nil {
			list = append(list, *p)
		}
	}
	return list
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Tag == "!!merge"
}

// isNull reports whether a value is null, explicit or omitted.
func isNull(n *yaml.Node) bool {
	n = Resolve(n)
	if n == nil {
		return true
	}
	if n.Kind != yaml.ScalarNode {
		return false
	}
	value, err := resolveScalar(n)
	return err == nil && value.kind == nullScalar
}

// KeyName returns the key of a parsed mapping as in JSON: numbers and booleans become strings.
func KeyName(key *yaml.Node) string {
	name, _ := keyText(key) // Parse has refused invalid keys
	return name
}

// keyText returns a key as in JSON: numbers and booleans become strings.
func keyText(key *yaml.Node) (string, error) {
	key = Resolve(key)
	if key.Kind != yaml.ScalarNode {
		return "", errors.New("mapping key is not a scalar")
	}
	value, err := resolveScalar(key)
	if err != nil {
		return "", err
	}
	switch value.kind {
	case nullScalar:
		return "", errors.New("mapping key is null")
	case floatScalar:
		// Kubernetes' library prints floats with single precision.
		return strconv.FormatFloat(value.float, 'g', -1, 32), nil
	case boolScalar, intScalar, stringScalar:
	}
	return value.text, nil
}
