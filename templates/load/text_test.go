package load

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// For every style of scalar: the place returned for each character of the value has that character in the
// text.
func TestPlacesWithinScalars(t *testing.T) {
	for _, text := range []string{
		"a: plain text é of\n  two lines\n\n  and more\n",
		`a: "double \"é\" \\ of` + "\n  two lines \\\n  and\n\n  more\"\n",
		"a: 'single ''é'' of\n  two lines\n\n  and more'\n",
		"a: |\n  literal\n    é deeper\n\n  x x x\n",
		"a: |2-\n    deeper é from the start\n  x\n",
		"a: >-\n  folded x x\n  é x x\n\n    deeper x\n    x x\n\n\n  x x\n",
		"a: >+\n\n  x\n\n  x\n\n",
		"list:\n- |\n  x y\n  x y\n- >\n  x y\n  x y\n",
		"a: >\r\n  x\r\n  é x\r\n",
		"a: !!str plain\n",
		"a: &b   !!str  'quoted'\nb: [*b, &c x]\n",
		"a: \"x\\ty\\n\\n  z \\u00e9 \\\n    \\  x\"\n",
		"a: 'trailing   \n\n\n  x'\n",
	} {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(text), &root); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		source := newText([]byte(text))
		for _, n := range scalars(&root) {
			for offset, r := range n.Value {
				if unicode.IsSpace(r) {
					continue // a folded line break has no place
				}
				line, column := source.place(n, offset)
				if got := runeAt(source.line(line), column); got != r && (got != '\\' || n.Style&yaml.DoubleQuotedStyle == 0) {
					t.Errorf("%q: byte %d of %q, %q: got %d:%d, where %q stands", text, offset, n.Value, r, line, column, got)
				}
			}
		}
	}
}

func scalars(n *yaml.Node) []*yaml.Node {
	if n.Kind == yaml.ScalarNode {
		return []*yaml.Node{n}
	}
	var all []*yaml.Node
	for _, c := range n.Content {
		all = append(all, scalars(c)...)
	}
	return all
}

func runeAt(line string, column int) rune {
	for ; column > 1 && line != ""; column-- {
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	r, _ := utf8.DecodeRuneInString(line)
	return r
}
