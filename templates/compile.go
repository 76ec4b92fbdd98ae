package templates

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// The words that steer a template and never reach the pod.
const (
	whenWord     = "$when"
	eachWord     = "$each"
	positionWord = "$position"
)

// compiler turns the YAML of app and pod into nodes, reporting what does not fit.
type compiler struct {
	*document
	environment *expression.Environment
	// elements is the list of the $each whose item is being compiled; nil outside of one.
	elements *node
}

// value compiles a value whose place takes want. Nil means that the value is
// absent (null) or at fault.
func (c *compiler) value(n *yaml.Node, want *schema.Schema, at *schema.Path) *node {
	n = manifest.Resolve(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return c.scalar(n, want, at)
	case n.Kind == yaml.MappingNode && (want.Kind == schema.Object || want.Kind == schema.Map):
		return c.mapping(n, want, at, false)
	case n.Kind == yaml.SequenceNode && want.Kind == schema.List:
		return c.list(n, want, at)
	case want.Kind == schema.Any:
		// Nothing in a pod takes any value today; such a place is constant.
		return c.constant(n, want, at)
	}
	c.report(n, at, WrongType, "", "want %s, got a %s", article(want), nodeKind(n))
	return nil
}

func article(s *schema.Schema) string {
	switch s.Kind {
	case schema.Object, schema.Map:
		return "a mapping"
	case schema.List:
		return "a list"
	case schema.Integer, schema.IntOrString:
		return "an " + s.Kind.String()
	default:
		return "a " + s.Kind.String()
	}
}

// constant checks a value without expressions.
func (c *compiler) constant(n *yaml.Node, want *schema.Schema, at *schema.Path) *node {
	if faults := want.CheckYAML(n, at); len(faults) > 0 {
		c.faults(faults)
		return nil
	}
	value, err := valueFromJSON(manifest.JSON(n))
	if err != nil {
		c.report(n, at, BadValue, "", "%s", err)
		return nil
	}
	if value == nil {
		return nil
	}
	return &node{value: value, want: want, place: c.at(n, at)}
}

func (d *document) at(n *yaml.Node, at *schema.Path) place {
	return place{at: at, line: n.Line, column: n.Column}
}

func (c *compiler) scalar(n *yaml.Node, want *schema.Schema, at *schema.Path) *node {
	if !strings.Contains(n.Value, "${") {
		return c.constant(n, want, at)
	}
	text, scanErr := expression.Scan(n.Value)
	if scanErr != nil {
		c.expressionFault(n, at, scanErr)
		return nil
	}
	if literal, ok := text.Constant(); ok {
		if faults := want.CheckJSON(literal, at); len(faults) > 0 {
			for i := range faults {
				faults[i].Node = n
			}
			c.faults(faults)
			return nil
		}
		return &node{value: literal, want: want, place: c.at(n, at)}
	}
	compiled, err := c.environment.Compile(text, want)
	if err != nil {
		c.expressionFault(n, at, err)
		return nil
	}
	where := c.at(n, at)
	for _, part := range text.Parts {
		if part.Expression {
			where.line, where.column = c.text.place(n, max(part.Offset-2, 0))
			break
		}
	}
	out := &node{form: expressionForm, expression: compiled, want: want, place: where}
	if c.elements != nil {
		out.elements = c.elements.expression.Uses()
	}
	return out
}

// expressionFault reports a fault of an expression at its character.
func (c *compiler) expressionFault(n *yaml.Node, at *schema.Path, err *expression.Error) {
	line, column := c.text.place(n, err.Offset)
	hint := err.Hint
	if err.Reason == expression.UnclosedExpression && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		if _, _, mended, ok := c.text.unquoted(n.Line); ok {
			hint = "YAML takes ' #' for a comment; quote it: " + mended
		}
	}
	c.add(line, column, at.String(), FindingReason(err.Reason), SeverityError, hint, err.Message)
}

// mapping compiles a mapping. In a list (item) and in a field it may have $when;
// a container may have $position.
func (c *compiler) mapping(n *yaml.Node, want *schema.Schema, at *schema.Path, container bool) *node {
	return c.members(&node{form: mappingForm, want: want, place: c.at(n, at)}, n, want, at, container)
}

// item compiles an item of a list, whose $each has to be known before the rest of it.
func (c *compiler) item(n *yaml.Node, want *schema.Schema, at *schema.Path, container bool) *node {
	out := &node{form: mappingForm, want: want, place: c.at(n, at)}
	if list := valueAt(n, eachWord); list != nil {
		if c.elements != nil {
			c.report(list, at.Member(eachWord), FieldNotAllowed, "make one list of both with map", "an item within an item with $each cannot have one")
			return nil
		}
		var environment *expression.Environment
		if out.each, environment = c.each(list, at.Member(eachWord)); out.each == nil {
			return nil
		}
		within := *c
		within.environment, within.elements = environment, out.each
		out = within.members(out, n, want, at, container)
		out.weigh()
		return out
	}
	return c.members(out, n, want, at, container)
}

// each compiles the list of a $each; nil where it is at fault.
func (c *compiler) each(n *yaml.Node, at *schema.Path) (*node, *expression.Environment) {
	n = manifest.Resolve(n)
	if n.Kind != yaml.ScalarNode || !strings.Contains(n.Value, "${") {
		c.report(n, at, WrongType, "write $each: ${LIST}", "want one expression that gives a list")
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
	where := c.at(n, at)
	where.line, where.column = c.text.place(n, max(text.Parts[0].Offset-2, 0))
	return &node{form: expressionForm, expression: compiled, place: where}, within
}

// members compiles the members of a mapping into a node.
func (c *compiler) members(out *node, n *yaml.Node, want *schema.Schema, at *schema.Path, container bool) *node {
	constant := true
	for key, value := range manifest.Pairs(n) {
		name := key.Value
		here := at.Member(name)
		if want.Kind == schema.Object && strings.HasPrefix(name, "$") {
			c.word(out, key, value, here, container)
			continue
		}
		m := memberNode{name: name}
		elem := want.Elem
		if want.Kind == schema.Object {
			field, ok := want.Field(name)
			if !ok {
				c.unknown(key, want, here, container)
				continue
			}
			elem, m.name = field.Schema, field.Name // which all templates share
		} else if c.unquotedKey(key, here) {
			continue
		} else if strings.Contains(name, "${") {
			m.key = c.key(key, here)
			constant = constant && m.key.constant()
			if m.key == nil {
				continue
			}
			if m.key.constant() {
				m.name, _ = m.key.value.(string)
				m.key = nil
			}
		}
		if m.value = c.value(value, elem, here); m.value == nil {
			continue
		}
		constant = constant && m.value.constant() && m.key == nil
		out.members = append(out.members, m)
	}
	if constant {
		object := make(Object, 0, len(out.members))
		for _, m := range out.members {
			object = append(object, Member{Name: m.name, Value: m.value.value})
		}
		out.form, out.value = constantForm, object
	}
	return out
}

// key compiles the expression in a key of labels or annotations.
func (c *compiler) key(n *yaml.Node, at *schema.Path) *node {
	key := c.scalar(n, shape().text, at)
	if key == nil || key.form != expressionForm {
		return key
	}
	if key.expression.Uses().FromOutside() {
		c.report(n, at, ExpressionType, "use ${instance} or ${index}", "a key may depend on nothing but instance and index")
		return nil
	}
	if key.expression.Optional() {
		c.report(n, at, ExpressionType, "", "a key cannot be optional")
		return nil
	}
	return key
}

// word compiles $when or $position.
func (c *compiler) word(out *node, key, value *yaml.Node, at *schema.Path, container bool) {
	switch {
	case key.Value == whenWord && c.root(out.want):
		c.report(key, at, FieldNotAllowed, "put $when on what is within", "a whole section cannot be left out")
	case key.Value == whenWord:
		when := c.value(value, shape().boolean, at)
		if when == nil {
			if manifest.Resolve(value).Tag == "!!null" {
				c.report(value, at, WrongType, "", "want a boolean, got nothing")
			}
			return
		}
		if when.form == expressionForm && when.expression.Optional() {
			c.report(value, at, ExpressionType, "use .orValue(false)", "$when cannot be optional")
			return
		}
		if when.constant() && when.value == true {
			return
		}
		out.when = when
	case key.Value == eachWord && out.each != nil:
		// compiled before the rest of the item
	case key.Value == eachWord:
		c.report(key, at, FieldNotAllowed, "put it on an item of a list that is a mapping", "$each does not belong here")
	case key.Value == positionWord && container:
		out.container = &containerNode{position: c.positions(value, at)}
	case key.Value == positionWord:
		c.report(key, at, BadPosition, "", "only containers have a $position")
	default:
		hint := "want $when, $each or $position"
		if near := Nearest(key.Value, []string{whenWord, eachWord, positionWord}); near != "" {
			hint = "did you mean " + near + "?"
		}
		c.report(key, at, UnknownField, hint, "%s means nothing here", Quote(key.Value))
	}
}

// root says whether an object is app or pod itself, which $when cannot drop.
func (c *compiler) root(s *schema.Schema) bool { return s == shape().app || s == shape().pod }

func (c *compiler) unknown(key *yaml.Node, want *schema.Schema, at *schema.Path, container bool) {
	known := want.Names()
	if whole := shape().whole[want]; whole != nil {
		if _, ok := whole.Field(key.Value); ok {
			c.report(key, at, FieldNotAllowed, "it may add "+strings.Join(known, ", "), "a template may not add %s here", key.Value)
			return
		}
	}
	hint := ""
	if near := Nearest(key.Value, known); near != "" {
		hint = "did you mean " + near + "?"
	} else if container && slices.Contains([]string{"when", "each", "position"}, key.Value) {
		hint = "did you mean $" + key.Value + "?"
	}
	c.report(key, at, UnknownField, hint, "%s has no field %s", want.Type, Quote(key.Value))
}

func (c *compiler) list(n *yaml.Node, want *schema.Schema, at *schema.Path) *node {
	out := &node{form: listForm, want: want, place: c.at(n, at)}
	switch want {
	case shape().initContainers:
		out.list = initContainerList
	case shape().containers:
		out.list = mainContainerList
	}
	constant := out.list == noContainers
	for i, item := range n.Content {
		item = manifest.Resolve(item)
		here := at.Item(i)
		var compiled *node
		switch {
		case item.Kind == yaml.MappingNode && want.Elem.Kind == schema.Object:
			compiled = c.item(item, want.Elem, here, out.list != noContainers)
			if compiled != nil && out.list != noContainers { // nil where its $each is at fault
				if compiled.container == nil {
					compiled.container = &containerNode{}
				}
				compiled.container.name = scalarAt(item, "name")
			}
		case item.Kind == yaml.ScalarNode && item.Tag == "!!null" && !strings.Contains(item.Value, "${"):
			c.report(item, here, WrongType, "", "want %s, got nothing", article(want.Elem))
		default:
			compiled = c.value(item, want.Elem, here)
		}
		if compiled == nil {
			continue
		}
		constant = constant && compiled.constant()
		out.items = append(out.items, compiled)
	}
	if constant {
		values := make([]any, len(out.items))
		for i, item := range out.items {
			values[i] = item.value
		}
		out.form, out.value = constantForm, values
	}
	return out
}

// positions compiles $position: a word or a list of them.
func (c *compiler) positions(n *yaml.Node, at *schema.Path) []*node {
	n = manifest.Resolve(n)
	if n.Kind == yaml.ScalarNode {
		if p := c.position(n, at); p != nil {
			return []*node{p}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		c.report(n, at, BadPosition, positionHint, "want a word or a list of them, got a mapping")
		return nil
	}
	var out []*node
	for i, item := range n.Content {
		item = manifest.Resolve(item)
		if item.Kind != yaml.ScalarNode {
			c.report(item, at.Item(i), BadPosition, positionHint, "want a word, got a %s", nodeKind(item))
			continue
		}
		if p := c.position(item, at.Item(i)); p != nil {
			out = append(out, p)
		}
	}
	return out
}

const positionHint = "want first, last, before:NAME or after:NAME"

func (c *compiler) position(n *yaml.Node, at *schema.Path) *node {
	p := c.scalar(n, shape().text, at)
	if p == nil || p.form == expressionForm {
		return p
	}
	if text, _ := p.value.(string); !validPosition(text) {
		c.report(n, at, BadPosition, positionHint, "%s is no position", Quote(text))
		return nil
	}
	return p
}

// validPosition reads first, last, before:NAME, after:NAME.
func validPosition(text string) bool {
	if text == "first" || text == "last" {
		return true
	}
	word, name, ok := strings.Cut(text, ":")
	return ok && (word == "before" || word == "after") && len(name) <= 63 && templateName.MatchString(name)
}
