package load

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// parse returns the documents of a file, with a List replaced by its items, or findings that say why it
// cannot be read.
func parse(file string, lines text, data []byte) ([]*yaml.Node, []templates.Finding) {
	stream, err := manifest.Parse(file, data)
	if err != nil {
		return nil, unreadable(file, lines, data, err)
	}
	var documents []*yaml.Node
	for _, d := range stream.Documents {
		if d.Root != nil {
			documents = appendItems(documents, d.Root)
		}
	}
	return documents, nil
}

// appendItems appends a document, or the items of a List. A List without items is a document of its own.
func appendItems(documents []*yaml.Node, root *yaml.Node) []*yaml.Node {
	items := valueAt(root, "items")
	if !isList(root) || items == nil || items.Kind != yaml.SequenceNode {
		return append(documents, root)
	}
	for _, item := range items.Content {
		if item = manifest.Resolve(item); item != nil {
			documents = appendItems(documents, item)
		}
	}
	return documents
}

// isList reports whether a document is a List of any kind.
func isList(root *yaml.Node) bool {
	return root.Kind == yaml.MappingNode && strings.HasSuffix(scalarAt(root, "kind"), "List")
}

// unreadable returns the findings for a file that is not valid YAML.
func unreadable(file string, lines text, data []byte, err error) []templates.Finding {
	f := templates.Finding{File: file, Reason: templates.YAMLSyntax, Severity: templates.SeverityError, Message: err.Error()}
	var syntax *manifest.Error
	if !errors.As(err, &syntax) {
		return []templates.Finding{f}
	}
	f.Line, f.Column, f.Message, f.Hint = syntax.Line, syntax.Column, syntax.Message, syntax.Hint
	if f.Column == 0 {
		f.Column = lines.indentation(f.Line) + 1
	}
	if syntax.Column > 0 { // else the text cannot be parsed, or is over a limit
		if found := duplicates(file, lines, data); len(found) > 0 {
			return found
		}
	}
	if line, column, mended, ok := lines.unquoted(syntax.Line); ok && syntax.Column == 0 {
		f.Reason, f.Line, f.Column = templates.UnquotedExpression, line, column
		f.Message = "YAML cannot read this line because its expression is not quoted"
		f.Hint = "quote it: " + mended
	}
	f.Excerpt = lines.excerpt(f.Line, f.Column)
	return []templates.Finding{f}
}

// duplicates returns a finding for each duplicate key, if the file is otherwise valid YAML.
func duplicates(file string, lines text, data []byte) []templates.Finding {
	var findings []templates.Finding
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc yaml.Node
		if err := decode(decoder, &doc); err != nil {
			break
		}
		duplicatesIn(&doc, nil, &findings)
	}
	for i := range findings {
		f := &findings[i]
		f.File, f.Excerpt = file, lines.excerpt(f.Line, f.Column)
	}
	return bounded(templates.SortFindings(findings))
}

// decode decodes a document; a panic of the YAML parser is returned as an error.
func decode(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("YAML: %v", r)
		}
	}()
	return decoder.Decode(into)
}

func duplicatesIn(n *yaml.Node, at *schema.Path, findings *[]templates.Finding) {
	if n.Kind != yaml.MappingNode {
		for i, child := range n.Content {
			below := at
			if n.Kind == yaml.SequenceNode {
				below = at.Item(i)
			}
			duplicatesIn(child, below, findings)
		}
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		below := at.Member(key.Value)
		if before := seen[key.Value]; before != nil && key.Kind == yaml.ScalarNode && len(*findings) <= templates.MaxFindings {
			*findings = append(*findings, templates.Finding{
				Line: key.Line, Column: key.Column, Path: message.Cut(below.String(), maxPath),
				Reason: templates.DuplicateKey, Severity: templates.SeverityError,
				Message: fmt.Sprintf("key %s is already set on line %d", message.Quote(key.Value), before.Line),
				Hint:    "keep one of them",
			})
		}
		seen[key.Value] = key
		duplicatesIn(n.Content[i+1], below, findings)
	}
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	default:
		return "scalar"
	}
}

// valueAt returns a mapping's value of that key, nil if it has none.
func valueAt(n *yaml.Node, key string) *yaml.Node {
	_, value := manifest.Member(n, key)
	return value
}

// scalarAt returns a mapping's value of that key if it is a scalar, else "".
func scalarAt(n *yaml.Node, key string) string {
	if v := valueAt(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}
