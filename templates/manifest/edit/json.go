package edit

import (
	"encoding/json"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// jsonStyle is how a JSON document is laid out.
type jsonStyle struct {
	// colon and comma are the separators on one line.
	colon, comma string
	// unit is the indentation, "" if the document is on one line; margin is that of the current level.
	unit, margin string
}

// jsonStyle takes the style from the document's first member.
func (e *emitter) jsonStyle(root *yaml.Node) jsonStyle {
	style := jsonStyle{colon: ": ", comma: ", "}
	if len(root.Content) == 0 || root.Kind != yaml.MappingNode {
		return style
	}
	if at, found := e.colon(root, 0); found && !e.isSpace(at+1) {
		style.colon, style.comma = ":", ","
	}
	if first := e.start(root.Content[0]); e.firstOnLine(first) {
		style.margin = e.margin(e.lineStart(e.start(root)))
		style.unit = strings.TrimPrefix(string(e.text[e.lineStart(first):first]), style.margin)
	}
	return style
}

// margin returns the blanks at the beginning of a line.
func (l *layout) margin(lineStart int) string {
	end := lineStart
	for end < len(l.text) && (l.text[end] == ' ' || l.text[end] == '\t') {
		end++
	}
	return string(l.text[lineStart:end])
}

// append appends a value to out; eol is the line break.
func (s jsonStyle) append(out []byte, value any, eol string) []byte {
	inner := s
	inner.margin += s.unit
	open, separator, end := "", s.comma, ""
	if s.unit != "" {
		open, separator, end = eol+inner.margin, ","+eol+inner.margin, eol+s.margin
	}
	list := func(brackets string, n int, item func(i int)) []byte {
		if n == 0 {
			return append(out, brackets...)
		}
		out = append(append(out, brackets[0]), open...)
		for i := range n {
			if i > 0 {
				out = append(out, separator...)
			}
			item(i)
		}
		return append(append(out, end...), brackets[1])
	}
	switch value := value.(type) {
	case members:
		return list("{}", len(value), func(i int) {
			out = append(append(out, doubleQuote(value[i].name)...), s.colon...)
			out = inner.append(out, value[i].value, eol)
		})
	case []any:
		return list("[]", len(value), func(i int) { out = inner.append(out, value[i], eol) })
	case json.Number:
		return append(out, value...)
	case bool:
		return strconv.AppendBool(out, value)
	case string:
		return append(out, doubleQuote(value)...)
	}
	return append(out, "null"...)
}
