package load

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// ownVariables compiles spec.variables and declares each for the expressions after it.
func (c *compiler) ownVariables(list *yaml.Node, declared []v1alpha1.Variable) []program.Variable {
	var all []program.Variable
	c.variables = map[string]expression.Uses{}
	for i, d := range declared {
		item, at := manifest.Resolve(list.Content[i]), specPath().Member("variables").Item(i)
		switch _, twice := c.variables[d.Name]; {
		case c.report.full():
			return all
		case d.Name == "":
			c.missing(item, at, "name")
			continue
		case !templates.ValidParameter(d.Name):
			c.report.fault(valueAt(item, "name"), at.Member("name"), templates.BadName, "begin with a lower-case letter; letters and digits only, at most 63", "%s is not a variable name", message.Quote(d.Name))
			continue
		case templates.Keyword(d.Name):
			c.report.fault(valueAt(item, "name"), at.Member("name"), templates.BadName, "choose another name", "%s is a reserved word", message.Quote(d.Name))
			continue
		case twice:
			c.report.fault(item, at.Member("name"), templates.DuplicateName, "", "variable %s is declared twice", message.Quote(d.Name))
			continue
		}
		n, at := c.cel(item, at, "expression", d.Expression)
		if n == nil {
			continue
		}
		text := expression.Whole(d.Expression)
		x, within, fault := c.environment.Declare(d.Name, text)
		c.environment = within
		if fault != nil {
			c.variables[d.Name] = expression.Uses{}
			c.expressionFault(n, at, fault)
			continue
		}
		node := c.expression(n, text, x, nil, placeOf(n, at))
		c.variables[d.Name] = node.Reads()
		all = append(all, program.Variable{Name: d.Name, Node: node})
	}
	return all
}

// concatenated matches a text that an expression joins to another.
var concatenated = regexp.MustCompile(`^(?:"[^"]*"|'[^']*') \+ `)

func (c *compiler) validations(list *yaml.Node, declared []v1alpha1.Validation) []program.Validation {
	var all []program.Validation
	for i := range declared {
		if c.report.full() {
			break
		}
		d := &declared[i]
		item, at := manifest.Resolve(list.Content[i]), specPath().Member("validations").Item(i)
		v := program.Validation{Message: d.Message, Warns: d.Action == v1alpha1.Warn, Parameter: d.Parameter}
		v.Expression = c.celNode(item, at, "expression", d.Expression, shape.Template().Boolean)
		switch {
		case d.Message != "" && d.MessageExpression != "":
			c.report.fault(item, at, templates.BadValue, "keep one of them", "message and messageExpression exclude each other")
		case d.MessageExpression != "":
			v.MessageExpression = c.celNode(item, at, "messageExpression", d.MessageExpression, shape.Template().Text)
		case d.Message == "":
			c.report.fault(item, at, templates.MissingField, "say what the pod's author has to do", "message is missing")
		case concatenated.MatchString(d.Message):
			c.report.warn(valueAt(item, "message"), at.Member("message"), templates.BadValue,
				"the pod's author gets the expression as it stands here: write it as a messageExpression")
		case strings.Contains(d.Message, "${"):
			c.report.warn(valueAt(item, "message"), at.Member("message"), templates.BadValue,
				"the pod's author gets ${ as it stands here: write a messageExpression for what depends on the pod")
		}
		if actions := []string{string(v1alpha1.Deny), string(v1alpha1.Warn)}; d.Action != "" && !slices.Contains(actions, string(d.Action)) {
			unknown(valueAt(item, "action"), at.Member("action"), string(d.Action), actions, c.report)
		}
		if d.Parameter != "" && c.parameter(d.Parameter) == nil {
			var names []string
			for _, p := range c.parameters {
				names = append(names, p.Name)
			}
			c.report.fault(valueAt(item, "parameter"), at.Member("parameter"), templates.BadValue,
				message.DidYouMean(strings.TrimPrefix(d.Parameter, "params."), names, "the template declares "+cmp.Or(message.List(names), "none")), "there is no parameter %s", message.Quote(d.Parameter))
		}
		if v.Expression != nil {
			all = append(all, v)
		}
	}
	return all
}

// celNode compiles the expression in a field that holds CEL without ${}; nil if it is invalid.
func (c *compiler) celNode(item *yaml.Node, at *schema.Path, field, source string, want *schema.Schema) *program.Node {
	n, here := c.cel(item, at, field, source)
	if n == nil {
		return nil
	}
	text := expression.Whole(source)
	x, fault := c.environment.Compile(text, want)
	if fault == nil && x.Optional() {
		fault = &expression.Error{Reason: expression.ExpressionType, Message: "the value cannot be optional", Hint: "say what it is where there is none, with orValue(…)"}
	}
	if fault != nil {
		if fault.Reason == expression.ExpressionSyntax && fault.Hint == "" && field == "messageExpression" {
			fault.Hint = "a sentence as it stands goes into message"
		}
		c.expressionFault(n, here, fault)
		return nil
	}
	return c.expression(n, text, x, want, placeOf(n, here))
}

// cel returns the scalar of a field that holds an expression, and its path; nil if there is none.
func (c *compiler) cel(item *yaml.Node, at *schema.Path, field, source string) (*yaml.Node, *schema.Path) {
	n := manifest.Resolve(valueAt(item, field))
	if n == nil || source == "" && n.Kind == yaml.ScalarNode {
		c.missing(item, at, field)
		return nil, nil
	}
	if source == "" {
		return nil, nil // another type, which the schema check reports
	}
	return n, at.Member(field)
}

func (c *compiler) missing(item *yaml.Node, at *schema.Path, field string) {
	c.report.fault(item, at, templates.MissingField, "", "%s is missing", field)
}
