// Package manifest reads YAML documents with the place of every value, and finds the pods inside workloads.
// Package edit below it adds to a document without touching the rest of its text.
//
// A stream is cut into documents first and each is parsed on its own, so that the size, depth and alias
// expansion of one document are bounded, whatever the stream contains.
package manifest

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Limits of one document.
const (
	// MaxDocument is the maximum size of a document's text in bytes: a little more than the API server
	// accepts, so that nothing is refused that could be applied.
	MaxDocument = 3 << 20
	// MaxDepth is the maximum nesting of mappings and lists, with aliases expanded.
	MaxDepth = 500
	// maxExpanded is the maximum number of nodes of a document with its aliases expanded, unless ten times
	// the number of written nodes is more.
	maxExpanded = 100_000
	// maxExpandedBytes is the maximum size of the text of those nodes.
	maxExpandedBytes = 10 * MaxDocument
)

// Error is a fault of the text, with its place.
type Error struct {
	File string
	// Line and Column count from 1 in the whole stream, columns in characters. A Column of
	// 0 is unknown; a Line of 0 too.
	Line, Column int
	// Message says what is wrong; Hint, if not empty, what to do.
	Message, Hint string
}

// Error returns file:line:column: message, without the parts that are unknown.
func (e *Error) Error() string {
	place := e.File
	if e.Line > 0 {
		place += ":" + strconv.Itoa(e.Line)
		if e.Column > 0 {
			place += ":" + strconv.Itoa(e.Column)
		}
	}
	if place == "" {
		return e.Message
	}
	return place + ": " + e.Message
}

// Advice returns the hint.
func (e *Error) Advice() string { return e.Hint }

// Stream is the content of a file or of standard input: any number of documents. The concatenated Texts of
// its documents are the parsed bytes.
type Stream struct {
	File      string
	Documents []*Document
}

// Document is one YAML or JSON document of a stream. It is read-only.
type Document struct {
	File string
	// Line and Column are the place in the stream at which Text begins, counted from 1.
	Line, Column int
	// Text is the exact text, including its comments and separators.
	Text []byte
	// Root is the document's value, nil if there is none or it is null. The lines and columns of
	// its nodes count from 1 in the whole stream; columns count characters.
	Root *yaml.Node

	isJSON bool // the text is JSON
}

func (d *Document) at(n *yaml.Node, message, hint string) *Error {
	return &Error{File: d.File, Line: n.Line, Column: n.Column, Message: message, Hint: hint}
}
