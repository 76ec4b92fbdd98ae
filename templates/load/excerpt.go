package load

import "go.yaml.in/yaml/v3"

// Locate returns the place of a byte in a scalar's value, as in a Finding. data is the text from which the
// scalar was read; offset is in bytes of the value.
func Locate(data []byte, n *yaml.Node, offset int) (line, column int, excerpt string) {
	lines := newText(data)
	line, column = lines.place(n, offset)
	return line, column, lines.excerpt(line, column)
}

// Excerpt returns the line of text that contains the byte offset, with a caret below the character, as in a
// Finding.
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
