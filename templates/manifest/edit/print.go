package edit

import (
	"encoding/json"
	"strconv"
	"strings"
)

// printer writes values in block style with the document's indentation.
type printer struct {
	// unit is the document's indentation; listUnit that of lists in mappings.
	unit, listUnit int
	// literals allows block scalars.
	literals bool
}

// block writes a mapping or list at the given column; an empty one has no lines.
func (p *printer) block(value any, column int) []string {
	indent := strings.Repeat(" ", column)
	var lines []string
	switch value := value.(type) {
	case members:
		for _, m := range value {
			head, body := p.underKey(m.value, column)
			lines = append(append(lines, indent+join(quote(m.name)+":", head)), body...)
		}
	case []any:
		for _, item := range value {
			head, body := p.underDash(item, column+2)
			lines = append(append(lines, indent+join("-", head)), body...)
		}
	}
	return lines
}

// underKey writes the value of a mapping's key at the given column: head is on the key's line, body the lines
// below it.
func (p *printer) underKey(value any, column int) (head string, body []string) {
	switch value := value.(type) {
	case members:
		if len(value) > 0 {
			return "", p.block(value, column+p.unit)
		}
	case []any:
		if len(value) > 0 {
			return "", p.block(value, column+p.listUnit)
		}
	}
	return p.scalar(value, column+p.unit)
}

// underDash writes an item of a list whose contents begin at the given column.
func (p *printer) underDash(value any, column int) (head string, body []string) {
	if lines := p.block(value, column); len(lines) > 0 {
		return strings.TrimLeft(lines[0], " "), lines[1:]
	}
	return p.scalar(value, column)
}

func join(label, head string) string {
	if head == "" {
		return label
	}
	return label + " " + head
}

// scalar writes a scalar or an empty collection; the lines after the first begin at the given column.
func (p *printer) scalar(value any, column int) (head string, body []string) {
	switch value := value.(type) {
	case members:
		return "{}", nil
	case []any:
		return "[]", nil
	case json.Number:
		return value.String(), nil
	case bool:
		return strconv.FormatBool(value), nil
	case string:
		if header, lines, ok := literal(value); ok && p.literals {
			indent := strings.Repeat(" ", column)
			for _, line := range lines {
				if line != "" {
					line = indent + line
				}
				body = append(body, line)
			}
			return header, body
		}
		return quote(value), nil
	}
	return "null", nil
}
