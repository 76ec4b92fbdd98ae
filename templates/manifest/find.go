package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// At returns the value at a JSON pointer, nil if there is none; aliases are followed. A token may also be the
// name of an item of a list. The escapes ~0 and ~1 are not supported.
func At(n *yaml.Node, pointer string) *yaml.Node {
	n = Resolve(n)
	if pointer == "" {
		return n
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		if n = Child(n, token); n == nil {
			return nil
		}
	}
	return n
}

// Child returns a mapping's value by key, or a list's item by index or by its name; nil if there is none.
func Child(n *yaml.Node, token string) *yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind == yaml.SequenceNode {
		return listItemOf(n, token)
	}
	_, value := Member(n, token)
	return value
}

func listItemOf(list *yaml.Node, token string) *yaml.Node {
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(list.Content) {
		return Resolve(list.Content[i])
	}
	for _, n := range list.Content {
		if _, name := Member(n, "name"); name != nil && name.Value == token {
			return Resolve(n)
		}
	}
	return nil
}

// Member returns a mapping's key and value nodes, nil if it has no such key.
func Member(n *yaml.Node, name string) (key, value *yaml.Node) {
	for k, v := range Pairs(n) {
		if k.Value == name {
			return k, v
		}
	}
	return nil, nil
}
