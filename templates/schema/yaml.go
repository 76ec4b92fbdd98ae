package schema

import (
	"encoding/json"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// CheckYAML returns the faults of a YAML tree, in the order of the text. Scalars have the values that
// Kubernetes reads: yes is a boolean. Duplicate keys are not reported, because the parser reports them; the
// tree must not have cyclic aliases.
func (s *Schema) CheckYAML(n *yaml.Node, at *Path) []Fault {
	c := &yamlCheck{}
	c.node(s, n, at)
	return c.faults
}

type yamlCheck struct{ faults []Fault }

func (c *yamlCheck) add(fault *Fault, n *yaml.Node, at *Path) {
	fault.Node, fault.Path = n, at.String()
	c.faults = append(c.faults, *fault)
}

func (c *yamlCheck) node(s *Schema, n *yaml.Node, at *Path) {
	n = manifest.Resolve(n)
	if n == nil || s.Kind == Any {
		return
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, child := range n.Content {
			c.node(s, child, at)
		}
	case yaml.MappingNode:
		if s.Kind != Object && s.Kind != Map {
			c.add(s.wrongType(map[string]any{}), n, at)
			return
		}
		for key, value := range manifest.Pairs(n) {
			if hint := SplitHint(n, key, value); hint != "" && !s.has(key.Value) {
				fault := s.unknownField(key.Value)
				fault.Hint = hint
				c.add(fault, key, at.Member(key.Value))
				continue
			}
			c.member(s, key, value, at)
		}
	case yaml.SequenceNode:
		if s.Kind != List {
			c.add(s.wrongType([]any{}), n, at)
			return
		}
		for i, item := range n.Content {
			item = manifest.Resolve(item)
			if item.Kind == yaml.ScalarNode && scalarValue(item) == nil && s.Elem.Kind != Any {
				c.add(s.Elem.wrongType(nil), item, at.Item(i))
				continue
			}
			c.node(s.Elem, item, at.Item(i))
		}
	case yaml.ScalarNode:
		value := scalarValue(n)
		if value == nil {
			return
		}
		if fault := s.scalarFault(value); fault != nil {
			if s.Kind == String && fault.Hint != "" {
				fault.Hint = "put it in quotes: " + message.Brief(n.Value)
			}
			c.add(fault, n, at)
		}
	}
}

func (c *yamlCheck) member(s *Schema, key, value *yaml.Node, at *Path) {
	name := key.Value
	if s.Kind == Map {
		c.node(s.Elem, value, at.Member(name))
		return
	}
	field, ok := s.Field(name)
	if !ok {
		c.add(s.unknownField(name), key, at.Member(name))
		return
	}
	c.node(field.Schema, value, at.Member(name))
}

// SplitHint returns the hint for a member that is most likely a part of the value before it, which a comma within
// { } has ended; "" if it is a member as others are.
func SplitHint(mapping, key, value *yaml.Node) string {
	value = manifest.Resolve(value)
	if mapping.Style&yaml.FlowStyle == 0 || key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 ||
		!strings.Contains(key.Value, " ") && (value.Kind != yaml.ScalarNode || value.Value != "" || value.Style != 0) {
		return ""
	}
	return "a comma ends a value within { }: quote the value before it"
}

func (s *Schema) has(name string) bool {
	_, ok := s.Field(name)
	return ok || s.Kind == Map
}

// scalarValue returns the value that Kubernetes reads from a scalar: nil, bool, int64, float64 or string.
func scalarValue(n *yaml.Node) any {
	text := string(manifest.JSON(n))
	switch {
	case text == "null":
		return nil
	case text == "true", text == "false":
		return text == "true"
	case strings.HasPrefix(text, `"`):
		var value string
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return n.Value
		}
		return value
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return whole
	}
	number, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return n.Value
	}
	return number
}
