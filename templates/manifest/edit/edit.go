// Package edit adds to a YAML or JSON document without touching the rest of its text.
//
// Parsed nodes are used for meaning and positions only: block collections are never printed again; what is
// added is spliced into the user's bytes. Some values cannot be spliced into and are printed again as a
// whole, with their comments above them: a flow collection (so also a JSON document), an alias, a merge key
// that brings a changed entry, and every alias of an anchor whose content changes.
package edit

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// Operation is an RFC 6902 add: it sets a mapping's key, or inserts into a list
// before an index or, with -, at its end.
type Operation struct {
	// Path is a JSON pointer within the document.
	Path string
	// Value is JSON; the order of its members is kept.
	Value []byte
}

// Apply returns the document's text with the operations applied in order.
//
// The result is parsed again and compared with the document patched by another implementation of RFC 6902. An
// operation that does not apply, and a text that cannot be edited, is an error, which is a *manifest.Error if
// its place in the document is known.
func Apply(d *manifest.Document, operations []Operation) ([]byte, error) {
	if len(operations) == 0 {
		return d.Text, nil
	}
	if d.Root == nil {
		return nil, &manifest.Error{File: d.File, Line: d.Line, Message: "document is empty, nothing can be added to it"}
	}
	m, err := newModel(d)
	if err != nil {
		return nil, cannotEdit(d, err.Error())
	}
	for i, operation := range operations {
		if err := m.apply(operation); err != nil {
			return nil, fault(d, fmt.Sprintf("operation %d, %s: %v", i, message.Quote(operation.Path), err), "")
		}
	}
	if err := m.renewAliases(); err != nil {
		return nil, cannotEdit(d, err.Error())
	}
	result, err := newEmitter(m).emit()
	if err != nil {
		return nil, cannotEdit(d, err.Error())
	}
	if err := verify(d, operations, result); err != nil {
		return nil, err
	}
	return manifest.Marked(result, d.Text), nil
}

func cannotEdit(d *manifest.Document, why string) error {
	return fault(d, "document cannot be edited: "+why, "")
}

func fault(d *manifest.Document, message, hint string) error {
	return &manifest.Error{File: d.File, Line: d.Root.Line, Column: d.Root.Column, Message: message, Hint: hint}
}

// isBlock reports whether a node is a mapping or list in block style.
func isBlock(n *yaml.Node) bool {
	return (n.Kind == yaml.MappingNode || n.Kind == yaml.SequenceNode) && n.Style&yaml.FlowStyle == 0
}

func isMerge(key *yaml.Node) bool { return key.Kind == yaml.ScalarNode && key.Tag == "!!merge" }
