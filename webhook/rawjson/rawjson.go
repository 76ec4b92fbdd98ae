// Package rawjson reads chosen members of JSON text in one pass and skips the rest. An admission review is
// JSON that the API server has just written, and the injector needs little of it. A decoding library would
// validate and build all of it, which would be most of the cost of an admission (docs/performance.md).
//
// What is read is validated like any JSON. What is skipped is only scanned for its end: brackets are
// counted and strings are recognised, but numbers and literals in it are not validated. Skipped text is
// never used, so nothing depends on that.
package rawjson

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// Cursor reads JSON text from front to back; create it with New. The text is never modified, and the slices
// that a Cursor returns point into it.
type Cursor struct {
	data  []byte
	at    int
	texts *Texts // see Group
}

// New returns a Cursor at the beginning of data.
func New(data []byte) *Cursor { return &Cursor{data: data} }

// Kind returns the kind of the next value: one of { [ " t f n 0 (a number). It returns 0 at the end of the
// text, and if no value begins here.
func (c *Cursor) Kind() byte {
	c.space()
	if c.at >= len(c.data) {
		return 0
	}
	switch b := c.data[c.at]; b {
	case '{', '[', '"', 't', 'f', 'n':
		return b
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return '0'
	}
	return 0
}

// Offset returns how many bytes have been read.
func (c *Cursor) Offset() int { return c.at }

// Members calls each for every member of the next value, which must be an object or null; null has no
// members. each must read or skip the member's value. The name points into the data or is a copy. Names may
// repeat: each is called for every occurrence. The path of a returned SyntaxError includes the member's
// name.
func (c *Cursor) Members(each func(name []byte) error) error {
	if null, err := c.Null(); null || err != nil {
		return err
	}
	if err := c.take('{', "an object"); err != nil {
		return err
	}
	if c.is('}') {
		return nil
	}
	for {
		name, err := c.text()
		if err != nil {
			return err
		}
		if err := c.take(':', "a colon"); err != nil {
			return err
		}
		if err := each(name); err != nil {
			return Within(field(name), err)
		}
		if c.is('}') {
			return nil
		}
		if err := c.take(',', "a comma or the end of the object"); err != nil {
			return err
		}
	}
}

// Items calls each for every item of the next value, which must be a list or null; null has no items. each
// must read or skip the item. The path of a returned SyntaxError includes the item's index.
func (c *Cursor) Items(each func() error) error {
	if null, err := c.Null(); null || err != nil {
		return err
	}
	if err := c.take('[', "a list"); err != nil {
		return err
	}
	if c.is(']') {
		return nil
	}
	for i := 0; ; i++ {
		if err := each(); err != nil {
			return Within("["+strconv.Itoa(i)+"]", err)
		}
		if c.is(']') {
			return nil
		}
		if err := c.take(',', "a comma or the end of the list"); err != nil {
			return err
		}
	}
}

// Null consumes the next value if it is null, and reports whether it was.
func (c *Cursor) Null() (bool, error) {
	if c.Kind() != 'n' {
		return false, nil
	}
	return true, c.literal("null")
}

// String reads a string; null is "".
func (c *Cursor) String() (string, error) {
	if null, err := c.Null(); null || err != nil {
		return "", err
	}
	text, err := c.text()
	return c.keep(text), err
}

// Bool reads true or false; null is false.
func (c *Cursor) Bool() (bool, error) {
	switch c.Kind() {
	case 't':
		return true, c.literal("true")
	case 'f':
		return false, c.literal("false")
	case 'n':
		return false, c.literal("null")
	}
	return false, c.want("true or false")
}

// Int reads an integer; null is 0. A number with an exponent or a zero fraction is accepted if its value is
// an integer; any other fraction is an error.
func (c *Cursor) Int() (int64, error) {
	switch c.Kind() {
	case 'n':
		return 0, c.literal("null")
	case '0':
	default:
		return 0, c.want("an integer")
	}
	start := c.at
	for c.at < len(c.data) && bytes.IndexByte([]byte("+-.0123456789Ee"), c.data[c.at]) >= 0 {
		c.at++
	}
	text := c.data[start:c.at]
	if !json.Valid(text) {
		c.at = start
		return 0, c.want("an integer")
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		c.at = start
		return 0, c.want("an integer")
	}
	return int64(f), nil
}

// Rest returns the text from the next value on.
func (c *Cursor) Rest() []byte {
	c.space()
	return c.data[c.at:]
}

// Raw skips a value and returns its bytes.
func (c *Cursor) Raw() ([]byte, error) {
	c.space()
	start := c.at
	if err := c.Skip(); err != nil {
		return nil, err
	}
	return c.data[start:c.at:c.at], nil
}

// Skip skips one value.
func (c *Cursor) Skip() error {
	switch c.Kind() {
	case '"':
		return c.skipString()
	case '{', '[':
		return c.skipNested()
	case 0:
		return c.want("a value")
	}
	for c.at < len(c.data) && !ends[c.data[c.at]] {
		c.at++
	}
	return nil
}

// End returns an error if anything but white space is left.
func (c *Cursor) End() error {
	c.space()
	if c.at < len(c.data) {
		return &SyntaxError{Offset: c.at, Message: "something follows the value"}
	}
	return nil
}

// At returns the bytes of the value at a path of member names: data itself for an empty path, nil if there
// is no such value. If a member occurs twice, the last one counts.
func At(data []byte, path []string) []byte {
	for _, want := range path {
		c := New(data)
		if c.Kind() != '{' {
			return nil
		}
		data = nil
		// If the text is malformed, what was found before that counts.
		_ = c.Members(func(name []byte) error {
			if string(name) != want {
				return c.Skip()
			}
			raw, err := c.Raw()
			data = raw
			return err
		})
	}
	return data
}

// Text returns the string at a path of member names; ok is false if there is no value, or one that is no string.
func Text(data []byte, path ...string) (text string, ok bool) {
	c := New(At(data, path))
	if c.Kind() != '"' {
		return "", false
	}
	text, err := c.String()
	return text, err == nil
}

// Is reports whether raw is a JSON string with the value text.
func Is(raw []byte, text string) bool {
	if len(raw) == len(text)+2 && raw[0] == '"' && string(raw[1:len(raw)-1]) == text {
		return bytes.IndexByte(raw, '\\') < 0
	}
	s, err := New(raw).String()
	return err == nil && s == text && raw[0] == '"'
}

// ends are the bytes that can follow a number or literal.
var ends = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, ',': true, '}': true, ']': true}

// counts are the bytes that matter within a skipped object or list.
var counts = [256]bool{'"': true, '{': true, '}': true, '[': true, ']': true}

func (c *Cursor) skipNested() error {
	depth := 0
	data, at := c.data, c.at
	for at < len(data) {
		b := data[at]
		at++
		if !counts[b] {
			continue
		}
		switch b {
		case '"':
			if at = afterString(data, at); at < 0 {
				return c.tooShort("the end of a string")
			}
			continue
		case '{', '[':
			depth++
			continue
		}
		if depth--; depth == 0 {
			c.at = at
			return nil
		}
	}
	return c.tooShort("the end of an object or list")
}

func (c *Cursor) skipString() error {
	end := afterString(c.data, c.at+1)
	if end < 0 {
		return c.tooShort("the end of a string")
	}
	c.at = end
	return nil
}

// afterString returns the offset behind a string whose opening quote is before at, or -1 if the string does
// not end. It is a plain loop because most strings are short, and those of managedFields, half of a large
// pod, are full of escaped quotes: there bytes.IndexByte takes a quarter longer, and so does testing eight
// bytes at a time.
func afterString(data []byte, at int) int {
	for ; at < len(data); at++ {
		switch data[at] {
		case '"':
			return at + 1
		case '\\':
			at++
		}
	}
	return -1
}

// text reads a string. The result points into the data if nothing is escaped, otherwise it is a copy.
func (c *Cursor) text() ([]byte, error) {
	if c.Kind() != '"' {
		return nil, c.want("a string")
	}
	start := c.at
	if err := c.skipString(); err != nil {
		return nil, err
	}
	quoted := c.data[start:c.at]
	inner := quoted[1 : len(quoted)-1]
	for _, b := range inner {
		if b < ' ' || b == '\\' || b >= 0x80 {
			var s string
			if err := json.Unmarshal(quoted, &s); err != nil {
				c.at = start
				return nil, c.want("a string without control characters")
			}
			return []byte(s), nil
		}
	}
	return inner, nil
}

func (c *Cursor) space() {
	for c.at < len(c.data) {
		switch c.data[c.at] {
		case ' ', '\t', '\n', '\r':
			c.at++
		default:
			return
		}
	}
}

// is consumes the byte b if it comes next, and reports whether it did.
func (c *Cursor) is(b byte) bool {
	c.space()
	if c.at < len(c.data) && c.data[c.at] == b {
		c.at++
		return true
	}
	return false
}

func (c *Cursor) take(b byte, what string) error {
	if !c.is(b) {
		return c.want(what)
	}
	return nil
}

func (c *Cursor) literal(text string) error {
	if !bytes.HasPrefix(c.data[c.at:], []byte(text)) {
		return c.want("a value")
	}
	c.at += len(text)
	if c.at < len(c.data) && !ends[c.data[c.at]] {
		return c.want("a value")
	}
	return nil
}

func (c *Cursor) want(what string) error {
	if c.space(); c.at >= len(c.data) {
		return c.tooShort(what)
	}
	return &SyntaxError{Offset: c.at, Message: "want " + what}
}

func (c *Cursor) tooShort(what string) error {
	return &SyntaxError{Offset: len(c.data), Message: "the text ends too early, want " + what}
}
