package load

import "go.yaml.in/yaml/v3"

// Locate gives the place of a byte in a scalar's value, where data is the text that the scalar was
// read from: line and column as in a Finding, and the excerpt of one.
func Locate(data []byte, n *yaml.Node, offset int) (line, column int, excerpt string) {
	lines := newText(data)
	line, column = lines.place(n, offset)
	return line, column, lines.excerpt(line, column)
}

// Excerpt shows a byte of a text as a Finding does: its line, and a caret below the character.
func Excerpt(text string, offset int) string {
	before := text[:min(max(offset, 0), len(text))]
	line, column := 1, 1
	for _, r := range before {
		column++
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return newText([]byte(text)).excerpt(line, column)
}
