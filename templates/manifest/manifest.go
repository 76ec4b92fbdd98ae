// Package manifest reads YAML documents with the place of everything in them,
// finds the pods inside workloads, and adds to a document without touching
// the rest of its text.
//
// A stream is cut into documents first and each is parsed on its own, so one
// document's size, depth and alias expansion are bounded whatever the stream
// holds. Parsed nodes serve for meaning and positions only: Edit never prints a
// document anew, it splices what was added into the bytes that the user wrote.
package manifest

import (
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Limits of one document.
const (
	// MaxDocument is the size of a document's text in bytes: a little more than
	// the API server takes, so that nothing that could be applied is refused.
	MaxDocument = 3 << 20
	// MaxDepth is how deep mappings and lists may be nested, aliases followed.
	MaxDepth = 500
	// maxExpanded is how many nodes a document may have once its aliases are
	// followed, if that is more than ten times what is written.
	maxExpanded = 100_000
	// maxExpandedBytes bounds the text of those nodes.
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

// Error is file:line:column: message, without what is unknown.
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

// Advice is the hint.
func (e *Error) Advice() string { return e.Hint }

// Stream is a file or standard input: any number of documents. The Texts of its
// documents put together are the bytes that were parsed.
type Stream struct {
	File      string
	Documents []*Document
}

// Document is one YAML or JSON document of a stream. It is read-only.
type Document struct {
	File string
	// Line of the stream on which Text begins, from 1, and the column in it.
	Line, Column int
	// Text is the exact text, with the comments and separators that belong to it.
	Text []byte
	// Root is the document's value, nil if there is none or it is null. The lines and columns of
	// its nodes count from 1 in the whole stream; columns count characters.
	Root *yaml.Node
}

// at is an Error at a node's place.
func (d *Document) at(n *yaml.Node, message, hint string) *Error {
	return &Error{File: d.File, Line: n.Line, Column: n.Column, Message: message, Hint: hint}
}
