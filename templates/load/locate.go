package load

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// character is a byte of the scalar of an expression.
type character struct {
	node   *program.Node
	offset int
}

// position is a place in a file, counted from 1.
type position struct{ line, column int }

// locate returns the position of a byte in the scalar of an expression; if it is a blank, that of the first
// character after it. It is a check.Locate.
func (r *report) locate(n *program.Node, offset int) (line, column int) {
	key := character{n, offset}
	at, known := r.located[key]
	if !known {
		at = position{n.Place.Line, n.Place.Column}
		if scalar := r.scalars[n]; scalar != nil {
			at.line, at.column = r.text.place(scalar, afterBlanks(scalar.Value, offset))
		}
		r.located[key] = at
	}
	return at.line, at.column
}

// afterBlanks returns the offset of the first character at or after offset that is no blank.
func afterBlanks(s string, offset int) int {
	if offset < 0 || offset > len(s) {
		return offset
	}
	return len(s) - len(strings.TrimLeft(s[offset:], " \t\r\n"))
}
