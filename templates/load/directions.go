package load

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// directions reports characters that change the direction of text, anywhere in the spec: with them, a
// reviewer could see something else than the injector reads.
func directions(n *yaml.Node, at *schema.Path, r *report) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			direction(key, at, r)
			directions(n.Content[i+1], at.Member(key.Value), r)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			directions(item, at.Item(i), r)
		}
	case yaml.ScalarNode:
		direction(n, at, r)
	}
}

func direction(n *yaml.Node, at *schema.Path, r *report) {
	if i := strings.IndexFunc(n.Value, message.Turns); i >= 0 {
		turning := []rune(n.Value[i:])[0]
		r.fault(n, at, templates.BadValue, fmt.Sprintf(`remove it, or write it as \u%04x in an expression`, turning),
			"text holds U+%04X, which turns the direction of what people read", turning)
	}
}
