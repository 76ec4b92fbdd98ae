package load

import (
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Limits of one template, so that none takes too much of the process's time. The largest built-in one has 109
// expressions, 451 values and 23 parameters.
const (
	// maxExpressions is below the number of plans that package expression keeps.
	maxExpressions = 500
	maxParameters  = 200
	// maxExpressionText is the maximum size of all expressions together, in bytes: CEL's type check takes 10
	// to 120 µs per byte. The largest built-in template has 5 KB.
	maxExpressionText = 32 << 10
	// maxValues is the maximum number of mappings, lists and scalars, multiplied by the number of renderings:
	// one with the defaults, and one for each example. 1 MB of variables has 30,000.
	maxValues = program.MaxValues

	// maxSelected is the maximum number of keys and values in the selectors of a match: every pod that has
	// the first key is compared with them.
	maxSelected = 1000
	// maxTried is the same for the selector of a canary: each pod that requests the template is compared with
	// it.
	maxTried = 100
)

// tooLarge reports a spec that would take too long to check and to render.
func tooLarge(spec *yaml.Node, r *report) bool {
	before := len(r.findings)
	report := func(field, hint, format string, args ...any) {
		n, at := spec, specPath()
		if value := valueAt(spec, field); value != nil {
			n, at = value, at.Member(field)
		}
		r.fault(n, at, templates.TooLarge, hint, format, args...)
	}
	var c count
	c.add(spec)
	c.named(valueAt(spec, "variables"))
	c.named(valueAt(spec, "validations"))
	if c.expressions > maxExpressions {
		report("", "make several templates of it", "the template has %d expressions, at most %d are allowed", c.expressions, maxExpressions)
	}
	if c.text > maxExpressionText {
		report("", "make several templates of it", "the template's expressions have %d bytes, at most %d are allowed", c.text, maxExpressionText)
	}
	if n := itemsOf(spec, "parameters"); n > maxParameters {
		report("parameters", "make several templates of it", "the template has %d parameters, at most %d are allowed", n, maxParameters)
	}
	examples := itemsOf(spec, "examples")
	switch {
	case c.values > maxValues:
		report("", "make several templates of it", "the template has %d values, at most %d are allowed", c.values, maxValues)
	case c.values*(1+examples) > maxValues:
		report("examples", "drop examples", "the template has %d values and %d examples, each of which is rendered; at most %d values are allowed in all",
			c.values, examples, maxValues)
	}
	return len(r.findings) > before
}

func itemsOf(n *yaml.Node, field string) int {
	if list := valueAt(n, field); list != nil && list.Kind == yaml.SequenceNode {
		return len(list.Content)
	}
	return 0
}

// count is the size of a YAML tree.
type count struct {
	values, expressions int
	text                int // size of the expressions, in bytes
}

func (c *count) add(n *yaml.Node) {
	if n = manifest.Resolve(n); n == nil {
		return
	}
	c.values++
	switch n.Kind {
	case yaml.MappingNode:
		for key, value := range manifest.Pairs(n) {
			c.scalar(key.Value)
			c.add(value)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			c.add(item)
		}
	default:
		c.scalar(n.Value)
	}
}

// named counts the expressions in fields that hold them without ${}.
func (c *count) named(list *yaml.Node) {
	if list == nil || list.Kind != yaml.SequenceNode {
		return
	}
	for _, item := range list.Content {
		for _, field := range []string{"expression", "messageExpression"} {
			if text := scalarAt(manifest.Resolve(item), field); text != "" {
				c.expressions++
				c.text += len(text)
			}
		}
	}
}

func (c *count) scalar(value string) {
	expressions := strings.Count(value, "${")
	if expressions == 0 {
		return
	}
	c.expressions += expressions
	scanned, _ := expression.Scan(value) // compiling reports the fault
	for _, part := range scanned.Parts {
		if part.Expression {
			c.text += len(part.Text)
		}
	}
}
