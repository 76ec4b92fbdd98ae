package manifest

import "fmt"

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
	return marked(result, d.Text), nil
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
