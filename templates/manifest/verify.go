package manifest

import (
	"encoding/json"
	"errors"

	"go.yaml.in/yaml/v3"
)

// verify reads an edited text and compares what it means.
func (d *Document) verify(text []byte, want any) error {
	root, err := parseNodes(text)
	if err != nil {
		return d.at(d.Root, "document cannot be edited: the result would not be YAML: "+err.Error(), "")
	}
	result := &Document{File: d.File, Line: 1, Text: text}
	if root == nil {
		return d.at(d.Root, "document cannot be edited: the result would be empty", "")
	}
	if err := check(result, root); err != nil {
		return d.at(d.Root, "document cannot be edited: in the result "+err.Message, "")
	}
	if !samePlain(plainValue(root), want) {
		return d.at(d.Root, "document cannot be edited: the result would mean something else", "lay it out in block style, without aliases")
	}
	return nil
}

// plainValue is a node's value as encoding/json would decode it, numbers as
// json.Number.
func plainValue(n *yaml.Node) any {
	n = Resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		object := make(map[string]any, len(n.Content)/2)
		for _, p := range pairs(n) {
			object[p.name] = plainValue(p.value)
		}
		return object
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = plainValue(item)
		}
		return list
	}
	value, _ := resolveScalar(n)
	switch value.kind {
	case nullScalar:
		return nil
	case boolScalar:
		return value.text == "true"
	case intScalar, floatScalar:
		return json.Number(appendScalar(nil, n))
	case stringScalar:
	}
	return string([]rune(value.text))
}

func plainJSON(value any) any {
	switch value := value.(type) {
	case members:
		object := make(map[string]any, len(value))
		for _, m := range value {
			object[m.name] = plainJSON(m.value)
		}
		return object
	case []any:
		list := make([]any, len(value))
		for i, item := range value {
			list[i] = plainJSON(item)
		}
		return list
	}
	return value
}

// addPlain applies an operation to a plain value, in place where that can be.
func addPlain(target any, path []string, value any) (any, error) {
	if len(path) == 0 {
		return value, nil
	}
	switch target := target.(type) {
	case map[string]any:
		if len(path) == 1 {
			target[path[0]] = value
			return target, nil
		}
		child, err := addPlain(target[path[0]], path[1:], value)
		target[path[0]] = child
		return target, err
	case []any:
		if len(path) == 1 {
			i := len(target)
			if path[0] != "-" {
				var err error
				if i, err = listIndex(path[0], len(target)); err != nil {
					return nil, err
				}
			}
			target = append(target, nil)
			copy(target[i+1:], target[i:])
			target[i] = value
			return target, nil
		}
		i, err := listIndex(path[0], len(target)-1)
		if err != nil {
			return nil, err
		}
		target[i], err = addPlain(target[i], path[1:], value)
		return target, err
	}
	return nil, errors.New("parent is no mapping or list")
}

// samePlain compares plain values, numbers by value.
func samePlain(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			other, found := b[name]
			if !found || !samePlain(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !samePlain(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		if !ok || a == b {
			return ok
		}
		left, err := a.Float64()
		right, err2 := b.Float64()
		return err == nil && err2 == nil && left == right
	}
	return a == b
}
