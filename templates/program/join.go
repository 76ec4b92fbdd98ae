package program

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Join says how a variable of the app meets a value that is there already. The zero value: that one stays.
type Join struct {
	Side Side
	// Text stands between the two.
	Text string
}

// Side is on which side of the value that is there another is joined to it.
type Side uint8

// The sides.
const (
	NotJoined Side = iota
	Appended
	Prepended
)

// To joins a value to one that is there. It is added as a whole, unless it stands there
// between two of the texts already; an empty one is no value. No $( comes about where they meet.
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
