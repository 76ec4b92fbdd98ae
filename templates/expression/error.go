package expression

// Reason sorts errors. The values are among the findings of templates.
type Reason string

// The reasons. All but ExpressionFailed and ExpressionCost are found by Scan and Compile.
const (
	// ExpressionSyntax: the text between the braces is no CEL expression.
	ExpressionSyntax Reason = "ExpressionSyntax"
	// UnclosedExpression: a ${ has no closing brace.
	UnclosedExpression Reason = "UnclosedExpression"
	// UnknownVariable: a name that is neither a variable nor a function.
	UnknownVariable Reason = "UnknownVariable"
	// UnknownField: the variable or object has no field of that name; of params, no
	// parameter.
	UnknownField Reason = "UnknownField"
	// ExpressionType: the types do not fit, within the expression or the place.
	ExpressionType Reason = "ExpressionType"
	// ExpressionFailed: the evaluation came upon a value that is absent or cannot be used.
	ExpressionFailed Reason = "ExpressionFailed"
	// ExpressionCost: an expression, or all those of a rendering together, took too much work.
	ExpressionCost Reason = "ExpressionCost"
)

// Error is a fault of one text. It is the template author's, unless the pod holds
// what nobody could foresee.
type Error struct {
	// Offset is the byte in the text, as given to Scan, at which the fault is seen.
	Offset int
	Reason Reason
	// Message is one clause, without the place.
	Message string
	// Hint is how to mend it, or "".
	Hint string
}

// Error is the message.
func (e *Error) Error() string { return e.Message }
