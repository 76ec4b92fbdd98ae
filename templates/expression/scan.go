package expression

import (
	"strconv"
	"strings"
)

// Text is a scalar split into literals and expressions.
type Text struct {
	// Parts are in order; literals are never empty and never adjacent. An empty text has none.
	Parts []Part
}

// Part is a literal or an expression.
type Part struct {
	// Offset is that of the first byte in the text; for an expression, that of the byte after "${".
	Offset int
	// Expression says that Text is CEL and was enclosed in ${}.
	Expression bool
	// Text is the literal with $${ replaced by ${, or the expression without its braces.
	Text string
}

// Constant returns the text if it has no expressions; else ok is false.
func (t Text) Constant() (text string, ok bool) {
	switch {
	case len(t.Parts) == 0:
		return "", true
	case len(t.Parts) == 1 && !t.Parts[0].Expression:
		return t.Parts[0].Text, true
	}
	return "", false
}

// key returns a string that is equal for texts with equal parts.
func (t Text) key() string {
	var b []byte
	for _, p := range t.Parts {
		b = strconv.AppendInt(b, int64(p.Offset), 10)
		b = strconv.AppendBool(b, p.Expression)
		b = strconv.AppendQuote(b, p.Text)
	}
	return string(b)
}

// whole returns the only part of the text if it is an expression.
func (t Text) whole() (Part, bool) {
	if len(t.Parts) == 1 && t.Parts[0].Expression {
		return t.Parts[0], true
	}
	return Part{}, false
}

const (
	opening = "${"
	escaped = "$${"
)

// Scan splits a text. $${ is a literal ${; every other $ stands for itself. An
// expression ends at the brace that closes it: braces in CEL's strings and
// comments do not count, nor do pairs of them, as around a map.
func Scan(text string) (Text, *Error) {
	var parts []Part
	var literal strings.Builder
	start := 0 // start of the literal
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, Part{Offset: start, Text: literal.String()})
			literal.Reset()
		}
	}
	for at := 0; at < len(text); {
		dollar := strings.IndexByte(text[at:], '$')
		if dollar < 0 {
			dollar = len(text) - at
		}
		if literal.Len() == 0 {
			start = at
		}
		literal.WriteString(text[at : at+dollar])
		at += dollar
		switch rest := text[at:]; {
		case strings.HasPrefix(rest, escaped):
			literal.WriteString(opening)
			at += len(escaped)
		case strings.HasPrefix(rest, opening):
			flush()
			end, err := closingBrace(text, at)
			if err != nil {
				return Text{}, err
			}
			inside := at + len(opening)
			parts = append(parts, Part{Offset: inside, Expression: true, Text: text[inside:end]})
			at = end + 1
		case rest != "":
			literal.WriteByte('$')
			at++
		}
	}
	flush()
	return Text{Parts: parts}, nil
}

// closingBrace returns the offset of the brace that closes the expression whose "${" is at the offset.
func closingBrace(text string, at int) (int, *Error) {
	depth, comment := 0, -1
	for i := at + len(opening); i < len(text); {
		switch c := text[i]; {
		case c == '{':
			depth++
			i++
		case c == '}':
			if depth == 0 {
				return i, nil
			}
			depth--
			i++
		case c == '"' || c == '\'':
			end := stringEnd(text, i, false)
			if end < 0 {
				return 0, unclosedString(i)
			}
			i = end
		case c == '/' && strings.HasPrefix(text[i:], "//"):
			line := strings.IndexAny(text[i:], "\r\n")
			if line < 0 {
				comment, line = i, len(text)-i
			}
			i += line
		case nameStart(c):
			end := i + 1
			for end < len(text) && namePart(text[end]) {
				end++
			}
			// A name right before a quote may be the prefix of a raw or bytes string.
			if end < len(text) && (text[end] == '"' || text[end] == '\'') {
				quoteAt := end
				if end = stringEnd(text, quoteAt, rawPrefix(text[i:quoteAt])); end < 0 {
					return 0, unclosedString(quoteAt)
				}
			}
			i = end
		default:
			i++
		}
	}
	err := &Error{
		Offset: at, Reason: UnclosedExpression,
		Message: `the expression opened by "${" is not closed`,
		Hint:    `close it with "}", or write "$${" for a literal "${"`,
	}
	if comment >= 0 {
		err.Hint = `the comment "//" hides the rest of the line, the closing brace too`
	}
	return 0, err
}

func unclosedString(at int) *Error {
	return &Error{
		Offset: at, Reason: UnclosedExpression,
		Message: "the string that begins here is not closed",
		Hint:    "end it with the same quote on the same line",
	}
}

func rawPrefix(name string) bool {
	switch name {
	case "r", "R", "br", "bR", "Br", "BR":
		return true
	}
	return false
}

func nameStart(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func namePart(c byte) bool { return nameStart(c) || '0' <= c && c <= '9' }

// stringEnd returns the offset after the string literal whose opening quote is at the offset, or -1 if it is
// not closed. Only a triple-quoted string may contain line breaks.
func stringEnd(text string, at int, raw bool) int {
	quote := text[at : at+1]
	triple := strings.HasPrefix(text[at:], strings.Repeat(quote, 3))
	if triple {
		quote = text[at : at+3]
	}
	for i := at + len(quote); i < len(text); {
		switch {
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		case text[i] == '\\' && !raw:
			i += 2
		case !triple && (text[i] == '\n' || text[i] == '\r'):
			return -1
		default:
			i++
		}
	}
	return -1
}
