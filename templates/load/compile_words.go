package load

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// word compiles $when or $position.
func (c *compiler) word(out *program.Node, key, value *yaml.Node, at *schema.Path, container bool) {
	switch {
	case key.Value == program.WhenWord && c.root(out.Want):
		c.report.fault(key, at, templates.FieldNotAllowed, "put $when on what is within", "a whole section cannot be left out")
	case key.Value == program.WhenWord:
		when := c.value(value, shape.Template().Boolean, at)
		if when == nil {
			if manifest.Resolve(value).Tag == "!!null" {
				c.report.fault(value, at, templates.WrongType, "", "want a boolean, got nothing")
			}
			return
		}
		if when.Form == program.ExpressionForm && when.Expression.Optional() {
			c.report.fault(value, at, templates.ExpressionType, "use .orValue(false)", "$when cannot be optional")
			return
		}
		if when.Constant() && when.Value == true {
			return
		}
		out.When = when
	case key.Value == program.EachWord && out.Each != nil:
		// compiled before the rest of the item
	case key.Value == program.EachWord:
		c.report.fault(key, at, templates.FieldNotAllowed, "put it on an item of a list that is a mapping", "$each does not belong here")
	case key.Value == program.PositionWord && container:
		out.Container = &program.Container{Position: c.positions(value, at)}
	case key.Value == program.PositionWord:
		c.report.fault(key, at, templates.BadPosition, "", "only containers have a $position")
	default:
		hint := message.DidYouMean(key.Value, []string{program.WhenWord, program.EachWord, program.PositionWord}, "want $when, $each or $position")
		c.report.fault(key, at, templates.UnknownField, hint, "%s means nothing here", message.Quote(key.Value))
	}
}

// root says whether an object is app or pod itself, which $when cannot drop.
func (c *compiler) root(s *schema.Schema) bool {
	return s == shape.Template().App || s == shape.Template().Pod
}

// each compiles the list of a $each; nil where it is at fault.
func (c *compiler) each(n *yaml.Node, at *schema.Path) (*program.Node, *expression.Environment) {
	n = manifest.Resolve(n)
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${") {
		c.report.fault(n, at, templates.WrongType, "write $each: ${LIST}", "want one expression that gives a list")
		return nil, nil
	}
	text, fault := expression.Scan(n.Value)
	if fault != nil {
		c.expressionFault(n, at, fault)
		return nil, nil
	}
	compiled, within, fault := c.environment.CompileList(text)
	if fault != nil {
		c.expressionFault(n, at, fault)
		return nil, nil
	}
	where := placeOf(n, at)
	where.Line, where.Column = c.report.text.place(n, max(text.Parts[0].Offset-2, 0))
	return &program.Node{Form: program.ExpressionForm, Expression: compiled, Place: where}, within
}

// positions compiles $position: a word or a list of them.
func (c *compiler) positions(n *yaml.Node, at *schema.Path) []*program.Node {
	n = manifest.Resolve(n)
	if n.Kind == yaml.ScalarNode {
		if p := c.position(n, at); p != nil {
			return []*program.Node{p}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		c.report.fault(n, at, templates.BadPosition, program.PositionHint, "want a word or a list of them, got a mapping")
		return nil
	}
	var out []*program.Node
	for i, item := range n.Content {
		item = manifest.Resolve(item)
		if item.Kind != yaml.ScalarNode {
			c.report.fault(item, at.Item(i), templates.BadPosition, program.PositionHint, "want a word, got a %s", nodeKind(item))
			continue
		}
		if p := c.position(item, at.Item(i)); p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (c *compiler) position(n *yaml.Node, at *schema.Path) *program.Node {
	p := c.scalar(n, shape.Template().Text, at)
	if p == nil || p.Form == program.ExpressionForm {
		return p
	}
	if text, _ := p.Value.(string); !program.ValidPosition(text) {
		c.report.fault(n, at, templates.BadPosition, program.PositionHint, "%s is no position", message.Quote(text))
		return nil
	}
	return p
}
