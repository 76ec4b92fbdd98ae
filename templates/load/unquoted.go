package load

import "strings"

// longestUnquoted is the maximum length in bytes of a line that is searched for an unquoted expression.
const longestUnquoted = 4096

// unquoted looks, near the line of a YAML error, for an expression that YAML misreads because it is not
// quoted. It returns the place of its ${ and the corrected line.
func (t text) unquoted(errorLine int) (line, column int, mended string, ok bool) {
	// The parser reports the line where it gave up, which may be the next one or, in flow style, a later one.
	for _, l := range []int{errorLine, errorLine - 1, errorLine + 1, errorLine - 2} {
		text := t.line(l)
		if len(text) > longestUnquoted { // a generated line
			continue
		}
		for from := 0; ; {
			i := strings.Index(text[from:], "${")
			if i < 0 {
				break
			}
			i += from
			if start, end, found := unquotedValue(text, i); found {
				return l, len([]rune(text[:i])) + 1, strings.TrimSpace(text[:start] + quoteYAML(text[start:end]) + text[end:]), true
			}
			from = i + 2
		}
	}
	return 0, 0, "", false
}

// unquotedValue returns the start and end of the value around the ${ at i if YAML misreads it.
func unquotedValue(text string, i int) (start, end int, ok bool) {
	quote := byte(0)
	flow := 0
	start = -1
	begin := func(at int) {
		for at < len(text) && text[at] == ' ' {
			at++
		}
		start = at
	}
	begin(0)
	for at := 0; at < i; at++ {
		c := text[at]
		switch {
		case quote == 0 && (c == '"' || c == '\'') && at == start:
			quote = c
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '{' || c == '[') && at == start:
			flow++
			begin(at + 1)
		case (c == '}' || c == ']') && flow > 0:
			flow--
		case c == ',' && flow > 0, (c == ':' || c == '-') && at+1 < len(text) && text[at+1] == ' ' && (c == ':' || at == start):
			begin(at + 1)
		case c == '#' && at > 0 && text[at-1] == ' ':
			return 0, 0, false
		}
	}
	if quote != 0 || start < 0 || start > i {
		return 0, 0, false
	}
	end = closing(text, i)
	inside := text[i:end]
	if flow == 0 {
		value := strings.TrimRight(text[start:], " ")
		return start, start + len(value), strings.Contains(inside, ": ") || strings.Contains(inside, " #")
	}
	for end < len(text) && !strings.ContainsRune(",}]", rune(text[end])) {
		end++
	}
	return start, end, true
}

// closing returns the offset after the brace that closes the ${ at i, or the end of the text.
func closing(text string, i int) int {
	depth := 0
	quote := byte(0)
	for at := i + 1; at < len(text); at++ {
		c := text[at]
		switch {
		case quote != 0:
			if c == '\\' {
				at++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return at + 1
			}
		}
	}
	return len(text)
}

// quoteYAML quotes a value, with as few escapes as possible.
func quoteYAML(value string) string {
	switch {
	case !strings.ContainsAny(value, `"\`):
		return `"` + value + `"`
	case !strings.Contains(value, "'"):
		return "'" + value + "'"
	default:
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
	}
}
