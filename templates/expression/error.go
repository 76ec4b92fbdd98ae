package expression

// Reason is the kind of an Error. Its values are also FindingReasons of package templates.
type Reason string

// The reasons. All but ExpressionFailed and ExpressionCost are found by Scan and Compile.
const (
	// ExpressionSyntax: the text between the braces is no CEL expression.
	ExpressionSyntax Reason = "ExpressionSyntax"
	// UnclosedExpression: a ${ has no closing brace.
	UnclosedExpression Reason = "UnclosedExpression"
	// UnknownVariable: a name that is neither a variable nor a function.
	UnknownVariable Reason = "UnknownVariable"
	// UnknownField: the variable or object has no field of that name; for params, no such parameter is
	// declared.
	UnknownField Reason = "UnknownField"
	// ExpressionType: a type does not fit, within the expression or to the field that receives the value.
	ExpressionType Reason = "ExpressionType"
	// ExpressionFailed: the evaluation found a value that is absent or cannot be used.
	ExpressionFailed Reason = "ExpressionFailed"
	// ExpressionCost: an expression, or all expressions of a rendering together, cost too much.
	ExpressionCost Reason = "ExpressionCost"
)

// Error is a fault of one text. It is the template author's mistake, except for ExpressionFailed, which may
// be caused by the content of the pod.
type Error struct {
	// Offset is the byte offset of the fault in the text, as given to Scan.
	Offset int
	Reason Reason
	// Message is one clause, without the place.
	Message string
	// Hint says how to correct it; "" if there is nothing to add.
	Hint string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func typeError(message, hint string) *Error {
	return &Error{Reason: ExpressionType, Message: message, Hint: hint}
}
