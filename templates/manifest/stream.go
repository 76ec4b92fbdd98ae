package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// chunk is the text of one document, and the line and column at which it begins, from 1.
type chunk struct {
	text         []byte
	line, column int
}

// documents returns the chunks of a stream; consecutive JSON texts are split too.
func documents(data []byte) []chunk {
	var all []chunk
	for _, c := range split(data) {
		all = append(all, c.values()...)
	}
	return all
}

// values splits a chunk that is a series of JSON objects: each begins where the one before it ends, or on the
// next line if nothing follows on that line.
func (c chunk) values() []chunk {
	var all []chunk
	for {
		start := contentAt(c.text)
		if start == len(c.text) || c.text[start] != '{' {
			break
		}
		decoder := json.NewDecoder(bytes.NewReader(c.text[start:]))
		var value json.RawMessage
		if decoder.Decode(&value) != nil {
			break
		}
		end := start + int(decoder.InputOffset())
		if rest := c.text[end:]; BlankLine(rest) {
			end += LineLength(rest)
		}
		if next := end + contentAt(c.text[end:]); next == len(c.text) || c.text[next] != '{' {
			break
		}
		all = append(all, chunk{c.text[:end:end], c.line, c.column})
		c = c.from(end)
	}
	return append(all, c)
}

// from returns the rest of a chunk from an offset on.
func (c chunk) from(at int) chunk {
	line, column, start := c.line, c.column, 0
	for i := 0; i < at; {
		n := LineBreak(c.text[i:at])
		if n > 0 {
			line, column, start = line+1, 1, i+n
		}
		i += max(n, 1)
	}
	return chunk{c.text[at:], line, column + utf8.RuneCount(c.text[start:at])}
}

// split cuts a stream at its document markers. A marker is recognized only at the very start of a line, where
// YAML allows nothing else, so that no parsing is needed. Comments and directives before a --- belong to its
// document, if no other document has begun there.
func split(data []byte) []chunk {
	var chunks []chunk
	var started, filled bool
	start, startLine, line := 0, 1, 1
	end := func(at, nextLine int) {
		chunks = append(chunks, chunk{data[start:at], startLine, 1})
		start, startLine = at, nextLine
		started, filled = false, false
	}
	for at := 0; at < len(data); line++ {
		next := at + LineLength(data[at:])
		text := data[at:next]
		if unmarked := text[markLength(text):]; !filled || isMarker(unmarked, "---") {
			text = unmarked
		}
		switch {
		case isMarker(text, "---"):
			if started || filled {
				end(at, line)
			}
			started = true
		case isMarker(text, "..."):
			if started || filled {
				end(next, line+1)
			}
		case !BlankLine(text) && (started || text[0] != '%'):
			filled = true
		}
		at = next
	}
	switch {
	case start == len(data):
	case !started && !filled && len(chunks) > 0: // comments after the last ...
		last := &chunks[len(chunks)-1]
		last.text = data[start-len(last.text):]
	default:
		end(len(data), line)
	}
	return chunks
}

// markLength is the length of the byte order marks that b begins with.
func markLength(b []byte) int {
	return len(b) - len(bytes.TrimLeft(b, byteOrderMark))
}

// marks returns the offsets of the byte order marks before a document's content and at its first line. YAML
// allows one at the start of each document; they have no meaning.
func marks(text []byte) []int {
	var found []int
	for at := 0; at < len(text); at += LineLength(text[at:]) {
		n := markLength(text[at:])
		if n > 0 {
			found = append(found, at)
		}
		if line := text[at+n:]; len(line) > 0 && !BlankLine(line) && line[0] != '%' && !isMarker(line, "---") {
			break
		}
	}
	return found
}

// Unmarked returns a document's text without those byte order marks.
func Unmarked(text []byte) []byte {
	found := marks(text)
	if len(found) == 0 {
		return text
	}
	var plain []byte
	start := 0
	for _, at := range found {
		plain = append(plain, text[start:at]...)
		start = at + markLength(text[at:])
	}
	return append(plain, text[start:]...)
}

// Marked inserts the byte order marks of like into plain, which must be equal to like without marks up to its
// content.
func Marked(plain, like []byte) []byte {
	found := marks(like)
	if len(found) == 0 {
		return plain
	}
	var text []byte
	for _, at := range found {
		rest := at - len(text)
		text, plain = append(text, plain[:rest]...), plain[rest:]
		text = append(text, like[at:at+markLength(like[at:])]...)
	}
	return append(text, plain...)
}

// contentAt returns the offset of a document's content, or the text's length if there is none.
func contentAt(text []byte) int {
	at := 0
	for at < len(text) {
		at += markLength(text[at:])
		rest := text[at:]
		if !BlankLine(rest) && rest[0] != '%' && !isMarker(rest, "---") {
			return at + len(rest) - len(bytes.TrimLeft(rest, " \t"))
		}
		at += LineLength(rest)
	}
	return len(text)
}

// isMarker reports whether the line is the document marker, followed by
// nothing or a blank.
func isMarker(line []byte, marker string) bool {
	rest, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || LineBreak(rest) > 0)
}

// BlankLine reports whether a line holds nothing but blanks and a comment. More lines may follow in the
// slice; only as much of it as needed is read.
func BlankLine(line []byte) bool {
	rest := bytes.TrimLeft(line, " \t")
	return len(rest) == 0 || rest[0] == '#' || LineBreak(rest) > 0
}

// LineBreak returns the length of the line break at the start of b, or 0. It recognizes the breaks of YAML
// 1.1, by which the parser counts lines.
func LineBreak(b []byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] == '\n':
		return 1
	case b[0] == '\r':
		if len(b) > 1 && b[1] == '\n' {
			return 2
		}
		return 1
	case b[0] == 0xC2 && len(b) > 1 && b[1] == 0x85:
		return 2
	case b[0] == 0xE2 && len(b) > 2 && b[1] == 0x80 && (b[2] == 0xA8 || b[2] == 0xA9):
		return 3
	}
	return 0
}

// LineLength returns the length of the first line of b, including its break.
func LineLength(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\n', '\r', 0xC2, 0xE2:
			if n := LineBreak(b[i:]); n > 0 {
				return i + n
			}
		}
	}
	return len(b)
}

// checkText reports other encodings than UTF-8 and control characters.
func checkText(file string, data []byte) *Error {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return &Error{File: file, Line: 1, Column: 1, Message: "text is UTF-16, want UTF-8", Hint: "save the file as UTF-8"}
	}
	for at := 0; at < len(data); {
		c := data[at]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' || c == '\r' {
			at++
			continue
		}
		r, size := utf8.DecodeRune(data[at:])
		switch {
		case r == utf8.RuneError && size <= 1:
			return notText(file, data, at, fmt.Sprintf("byte 0x%02X is not UTF-8", c))
		case r < 0xA0 && r != 0x85, r == 0xFFFE, r == 0xFFFF:
			return notText(file, data, at, fmt.Sprintf("character %U is not allowed in YAML", r))
		}
		at += size
	}
	return nil
}

func notText(file string, data []byte, at int, message string) *Error {
	line, start := 1, 0
	for next := LineLength(data); next <= at; next = start + LineLength(data[start:]) {
		line, start = line+1, next
	}
	before := data[start:at]
	return &Error{File: file, Line: line, Column: utf8.RuneCount(before[markLength(before):]) + 1, Message: message, Hint: "is this a text file?"}
}
