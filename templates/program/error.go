package program

import (
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Error is an expression that failed or a result that does not fit: the template's fault.
type Error struct {
	// Path is the field in the template, such as spec.pod.spec.containers[0].image.
	Path string
	// File, Line and Column of the expression, counted from 1; 0 when unknown. A program knows
	// no file, and the lines of the document that it was compiled from.
	File         string
	Line, Column int
	Message      string
	// Parameters, sorted, are those that the expression reads, if their values alone can
	// be what is wrong: not where it reads something else that may be absent.
	Parameters []string
	// Cost is what the expressions took up to this one, in CEL's units of work.
	Cost uint64
	// Err is the cause: an *expression.Error, a *schema.Fault, or that of reading the pod; nil
	// for an internal error.
	Err error
	// Stack is that of a panic, for the log alone: no person is shown it. "" if there was none.
	Stack string
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Error is file:line:column: path: message.
func (e *Error) Error() string {
	if e.File == "" {
		return e.Path + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Path, e.Message)
}

// fault places an error in the template.
func (e *Evaluation) fault(n *Node, err error) error {
	return &Error{
		Path: n.Place.At.String(), Line: n.Place.Line, Column: n.Place.Column,
		Message: err.Error(), Parameters: blamed(n, err), Cost: e.budget.Spent(), Err: err,
	}
}

// blamed are the parameters whose values an error can come from.
func blamed(n *Node, err error) []string {
	uses := n.Uses()
	if failed := (*expression.Error)(nil); errors.As(err, &failed) && failed.Reason == expression.ExpressionFailed && uses.MayBeAbsent() {
		return nil
	}
	return uses.Parameters
}
