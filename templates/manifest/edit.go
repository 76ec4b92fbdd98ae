package manifest

import (
	"encoding/json"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Operation is an RFC 6902 add: it sets a mapping's key, or inserts into a list
// before an index or, with -, at its end.
type Operation struct {
	// Path is a JSON pointer within the document.
	Path string
	// Value is JSON; the order of its members is kept.
	Value []byte
}

// Edit gives the document's text with the operations applied in turn. What they do
// not touch keeps its bytes, except: flow collections that receive something may
// be laid out anew, and aliases and merge keys on the way to a change, or of an
// anchor inside which something changes, are written out.
//
// The result is read again before it is returned, and must mean exactly what the
// operations make of the document. An operation that does not apply, or a text
// that cannot be edited, is an error, with the document's place if it is an *Error.
func (d *Document) Edit(operations []Operation) ([]byte, error) {
	if len(operations) == 0 {
		return d.Text, nil
	}
	if d.Root == nil {
		return nil, &Error{File: d.File, Line: d.Line, Message: "document is empty, nothing can be added to it"}
	}
	m := newModel(d)
	want := plainValue(d.Root)
	for i, operation := range operations {
		var err error
		if want, err = m.apply(operation, want); err != nil {
			return nil, d.at(d.Root, fmt.Sprintf("operation %d, %s: %v", i, echo(operation.Path), err), "")
		}
	}
	m.writeOutStale()
	result, err := newEmitter(m).emit()
	if err != nil {
		return nil, d.at(d.Root, "document cannot be edited: "+err.Error(), "")
	}
	if err := d.verify(result, want); err != nil {
		return nil, err
	}
	return result, nil
}

// longestKey is what fits the 1,024 characters within which YAML looks for a colon.
const longestKey = 1000

// apply applies an operation to the model and, independently, to a plain value.
func (m *model) apply(operation Operation, want any) (any, error) {
	path, err := splitPointer(operation.Path)
	if err != nil {
		return nil, err
	}
	value, err := decodeOrdered(operation.Value)
	if err != nil {
		return nil, fmt.Errorf("value: %w", err)
	}
	if len(path) > 0 && len(path[len(path)-1]) > longestKey || hasLongKey(value) {
		return nil, fmt.Errorf("key is longer than %d bytes", longestKey)
	}
	if err := m.add(path, valueItem(value)); err != nil {
		return nil, err
	}
	return addPlain(want, path, plainJSON(value))
}

func hasLongKey(value any) bool {
	switch value := value.(type) {
	case members:
		for _, m := range value {
			if len(m.name) > longestKey || hasLongKey(m.value) {
				return true
			}
		}
	case []any:
		for _, item := range value {
			if hasLongKey(item) {
				return true
			}
		}
	}
	return false
}

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
