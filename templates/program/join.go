package program

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Join says how a template's variable is joined to an existing value of the same name. The zero value means
// that the existing value is kept.
type Join struct {
	Side Side
	// Text is the separator between the two values.
	Text string
}

// Side is the side of the existing value at which the template's value is added.
type Side uint8

// The sides.
const (
	NotJoined Side = iota
	Appended
	Prepended
)

// To joins value to the existing value there. The value is added as a whole, unless the existing value
// already contains it between two separators; an empty value is not added. No $( is created at the join.
func (j Join) To(there, value string) string {
	switch {
	case value == "" || strings.Contains(j.Text+there+j.Text, j.Text+value+j.Text):
		return there
	case there == "":
		return value
	case j.Side == Prepended:
		return expression.Meet(expression.Meet(value, j.Text), there)
	}
	return expression.Meet(expression.Meet(there, j.Text), value)
}
