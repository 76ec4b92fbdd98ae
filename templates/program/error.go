package program

import (
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Error is the error of an expression that failed, or whose result does not fit its field: a fault of the
// template.
type Error struct {
	// Path is the field in the template, such as spec.pod.spec.containers[0].image.
	Path string
	// File, Line and Column are those of the character at which the expression failed, or of the expression if
	// its value is at fault, counted from 1; 0 if unknown. A program leaves File empty, and its lines are those
	// of the document from which it was compiled: see Template.located.
	File         string
	Line, Column int
	Message      string
	// Parameters are the names of those that the expression reads, sorted, if only their values can be the
	// cause; empty if the expression also reads something that may be absent.
	Parameters []string
	// Cost is that of the expressions so far, including this one, in CEL's units of work.
	Cost uint64
	// Err is the cause: an *expression.Error, a *schema.Fault, or the error of reading the pod; nil for an
	// internal error.
	Err error
	// Stack is the stack trace of a panic, "" if there was none. It is written to the log only, never shown
	// to users.
	Stack string
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Error returns file:line:column: path: message, without the place if File is "".
func (e *Error) Error() string {
	if e.File == "" {
		return e.Path + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Path, e.Message)
}

// fault returns an *Error with the place of the fault in the node.
func (e *Evaluation) fault(n *Node, err error) error {
	line, column := n.Locate(failedAt(err))
	return &Error{
		Path: n.Place.At.String(), Line: line, Column: column,
		Message: err.Error(), Parameters: blamed(n, err), Cost: e.budget.Spent(), Err: err,
	}
}

// blamed returns the parameters whose values may be the cause of an error.
func blamed(n *Node, err error) []string {
	uses := n.Uses()
	if failed := (*expression.Error)(nil); errors.As(err, &failed) && failed.Reason == expression.ExpressionFailed && uses.MayBeAbsent() {
		return nil
	}
	return uses.Parameters
}
