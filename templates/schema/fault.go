package schema

import "go.yaml.in/yaml/v3"

// Reason is the kind of a fault.
type Reason string

// The reasons.
const (
	// UnknownField: the object has no field of that name.
	UnknownField Reason = "UnknownField"
	// WrongType: a value of another kind is wanted.
	WrongType Reason = "WrongType"
	// BadValue: the kind is right, the value is not: a number out of range, a
	// quantity or duration that cannot be parsed.
	BadValue Reason = "BadValue"
)

// Fault is one place that does not fit.
type Fault struct {
	// Node is the key of an unknown field, else the value. Nil when JSON was checked.
	Node *yaml.Node
	// Path is the place: spec.containers[0].imagee.
	Path   string
	Reason Reason
	// Message is one clause without the place: `want an integer, got the string "x"`.
	Message string
	// Hint says how to correct it, or is "".
	Hint string
}

// Error returns path and message.
func (f *Fault) Error() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}
