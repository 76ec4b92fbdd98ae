package templates

import (
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// turns says whether a character steers the direction of the text around it, so that people
// read something else than there is: the controls of Unicode's bidirectional algorithm.
func turns(r rune) bool { return unicode.Is(unicode.Bidi_Control, r) }

// Printable is a text as a message may hold it: each character that is not to be
// seen or would steer a terminal or the direction of text is a blank.
func Printable(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	return strings.Map(func(r rune) rune {
		if unseen(r) {
			return ' '
		}
		return r
	}, text)
}

func unseen(r rune) bool { return !unicode.IsPrint(r) }

// directions reports what turns the direction of text anywhere in the spec. Whoever reviews a
// template has to read what the injector reads.
func (d *document) directions(n *yaml.Node, at *schema.Path) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			d.direction(key, at)
			d.directions(n.Content[i+1], at.Member(key.Value))
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			d.directions(item, at.Item(i))
		}
	case yaml.ScalarNode:
		d.direction(n, at)
	}
}

func (d *document) direction(n *yaml.Node, at *schema.Path) {
	if i := strings.IndexFunc(n.Value, turns); i >= 0 {
		r := []rune(n.Value[i:])[0]
		d.report(n, at, BadValue, fmt.Sprintf(`remove it, or write it as \u%04x in an expression`, r),
			"text holds U+%04X, which turns the direction of what people read", r)
	}
}
