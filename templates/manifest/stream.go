package manifest

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

const byteOrderMark = "\ufeff"

// chunk is the text of one document and the line on which it begins, from 1.
type chunk struct {
	text []byte
	line int
}

// split cuts a stream at its document markers. A marker counts only at the
// very start of a line, where YAML allows nothing else, so that no parsing is
// needed. Comments and directives before a document's --- belong to it if no
// other document stands before them.
func split(data []byte) []chunk {
	var chunks []chunk
	var started, filled bool
	start, startLine, line := 0, 1, 1
	end := func(at, nextLine int) {
		chunks = append(chunks, chunk{data[start:at], startLine})
		start, startLine = at, nextLine
		started, filled = false, false
	}
	for at := 0; at < len(data); line++ {
		next := at + lineLength(data[at:])
		text := data[at:next]
		if at == 0 {
			text = bytes.TrimPrefix(text, []byte(byteOrderMark))
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
		case !isBlank(text) && (started || text[0] != '%'):
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

// isMarker reports whether the line is the document marker, followed by
// nothing or a blank.
func isMarker(line []byte, marker string) bool {
	rest, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(rest) == 0 || rest[0] == ' ' || rest[0] == '\t' || breakLength(rest) > 0)
}

// isBlank reports whether a line holds nothing but blanks and a comment.
func isBlank(line []byte) bool {
	rest := bytes.TrimLeft(line, " \t")
	return len(rest) == 0 || rest[0] == '#' || breakLength(rest) > 0
}

// breakLength is the length of the line break that b begins with, or 0. These
// are the breaks of YAML 1.1, which the parser counts lines by.
func breakLength(b []byte) int {
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

// lineLength is the length of the first line of b with its break.
func lineLength(b []byte) int {
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '\n', '\r', 0xC2, 0xE2:
			if n := breakLength(b[i:]); n > 0 {
				return i + n
			}
		}
	}
	return len(b)
}

// checkText finds what is no text: other encodings and control characters.
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
	for next := lineLength(data); next <= at; next = start + lineLength(data[start:]) {
		line, start = line+1, next
	}
	before := bytes.TrimPrefix(data[start:at], []byte(byteOrderMark))
	return &Error{File: file, Line: line, Column: utf8.RuneCount(before) + 1, Message: message, Hint: "is this a text file?"}
}
