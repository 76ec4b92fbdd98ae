package load

import (
	"cmp"
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
)

// compiler compiles the YAML of app and pod into program nodes, and reports what does not fit the schema.
type compiler struct {
	report      *report
	environment *expression.Environment
	parameters  []*templates.Parameter
	// elements is the list expression of the $each whose item is being compiled; nil outside of one.
	elements *program.Node
	// variables are what each of the template's own variables reads, including what is read through other
	// variables.
	variables map[string]expression.Uses
}

// value compiles a value whose schema is want. It returns nil if the value is absent (null) or invalid.
func (c *compiler) value(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	n = manifest.Resolve(n)
	switch {
	case n.Kind == yaml.ScalarNode:
		return c.scalar(n, want, at)
	case n.Kind == yaml.MappingNode && (want.Kind == schema.Object || want.Kind == schema.Map):
		return c.mapping(n, want, at)
	case n.Kind == yaml.SequenceNode && want.Kind == schema.List:
		return c.list(n, want, at)
	case want.Kind == schema.Any:
		// No field of a pod accepts arbitrary values today; such a value would be constant.
		return c.constant(n, want, at)
	}
	hint := want.ShapeHint()
	if n.Kind == yaml.MappingNode && valueAt(n, program.EachWord) != nil {
		hint = "write the whole list as one expression: ${LIST.map(x, …)}"
		if want.Kind == schema.List {
			hint = "write a hyphen before it: $each stands on an item of the list"
		}
	}
	c.report.fault(n, at, templates.WrongType, hint, "want %s, got a %s", article(want), nodeKind(n))
	return nil
}

func article(s *schema.Schema) string {
	if s.Kind == schema.Object || s.Kind == schema.Map {
		return "a mapping"
	}
	return message.Article(s.Kind.String())
}

func (c *compiler) constant(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	if faults := want.CheckYAML(n, at); len(faults) > 0 {
		c.report.faults(faults)
		return nil
	}
	value, err := program.ValueFromJSON(manifest.JSON(n))
	if err != nil {
		c.report.fault(n, at, templates.BadValue, "", "%s", err)
		return nil
	}
	if value == nil {
		return nil
	}
	return &program.Node{Value: value, Want: want, Place: placeOf(n, at)}
}

func placeOf(n *yaml.Node, at *schema.Path) program.Place {
	return program.Place{At: at, Line: n.Line, Column: n.Column}
}

func (c *compiler) scalar(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	if !strings.Contains(n.Value, "${") {
		c.otherBraces(n, at)
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
			c.report.faults(faults)
			return nil
		}
		return &program.Node{Value: literal, Want: want, Place: placeOf(n, at)}
	}
	compiled, err := c.environment.Compile(text, want)
	if err != nil {
		c.expressionFault(n, at, err)
		return nil
	}
	where := placeOf(n, at)
	for _, part := range text.Parts {
		if part.Expression {
			where.Line, where.Column = c.report.text.place(n, max(part.Offset-2, 0))
			break
		}
	}
	return c.expression(n, text, compiled, want, where)
}

// expression returns the node of the compiled text of a scalar.
func (c *compiler) expression(n *yaml.Node, text expression.Text, x *expression.Expression, want *schema.Schema, where program.Place) *program.Node {
	out := &program.Node{Form: program.ExpressionForm, Expression: x, Want: want, Place: where, Runs: c.report.text.runs(n, text.Parts)}
	c.foregone(n, x, where.At)
	uses := x.Uses()
	var indirect []expression.Uses
	if c.elements != nil && uses.Each {
		indirect = append(indirect, c.elements.Reads())
	}
	for _, name := range uses.Variables {
		indirect = append(indirect, c.variables[name])
	}
	out.Indirect = expression.Union(indirect...)
	return out
}

// expressionFault reports a fault of an expression at its place in the file.
func (c *compiler) expressionFault(n *yaml.Node, at *schema.Path, err *expression.Error) {
	line, column := c.report.text.place(n, err.Offset)
	hint := err.Hint
	if err.Reason == expression.UnclosedExpression && n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		if _, _, mended, ok := c.report.text.unquoted(n.Line); ok {
			hint = "YAML takes ' #' for a comment; quote it: " + mended
		}
	}
	c.report.add(templates.Finding{
		Line: line, Column: column, Path: at.String(),
		Reason: templates.FindingReason(err.Reason), Severity: templates.SeverityError, Hint: hint, Message: err.Message,
	})
}

// mapping compiles a mapping, which may have $when.
func (c *compiler) mapping(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	return c.members(&program.Node{Form: program.MappingForm, Want: want, Place: placeOf(n, at)}, n, want, at, program.NoList)
}

// item compiles an item of a list. Its $each is compiled first, because it declares variables for the rest of
// the item.
func (c *compiler) item(n *yaml.Node, want *schema.Schema, at *schema.Path, list program.List) *program.Node {
	out := &program.Node{Form: program.MappingForm, Want: want, Place: placeOf(n, at)}
	if elements := valueAt(n, program.EachWord); elements != nil {
		if c.elements != nil {
			c.report.fault(elements, at.Member(program.EachWord), templates.FieldNotAllowed, "make one list of both with map", "an item within an item with $each cannot have one")
			return nil
		}
		var environment *expression.Environment
		if out.Each, environment = c.each(elements, at.Member(program.EachWord)); out.Each == nil {
			return nil
		}
		within := *c
		within.environment, within.elements = environment, out.Each
		out = within.members(out, n, want, at, list)
		out.Weigh()
		return out
	}
	return c.members(out, n, want, at, list)
}

// members compiles the members of a mapping into a node; list is the list that contains the mapping.
func (c *compiler) members(out *program.Node, n *yaml.Node, want *schema.Schema, at *schema.Path, list program.List) *program.Node {
	constant := true
	for key, value := range manifest.Pairs(n) {
		name := key.Value
		here := at.Member(name)
		if want.Kind == schema.Object && strings.HasPrefix(name, "$") {
			c.word(out, key, value, here, list)
			continue
		}
		var m program.NodeMember
		var valid bool
		elem := want.Elem
		if want.Kind == schema.Map {
			m, valid = c.keyed(key, here)
		} else if field, known := want.Field(name); !known {
			c.unknown(n, key, value, want, here, list)
		} else if want.Type == resourcesType && name == "claims" {
			c.report.fault(key, here, templates.FieldNotAllowed, "drop it",
				"a template may not add claims here: each names one of the pod's resourceClaims, which a template cannot add")
		} else {
			m.Name, elem, valid = field.Name, field.Schema, true // the name is a string that all templates share
		}
		if !valid {
			continue
		}
		if m.Value = c.value(value, elem, here); m.Value == nil {
			continue
		}
		constant = constant && m.Value.Constant() && m.Key == nil
		out.Members = append(out.Members, m)
		if x := m.Value.Expression; x != nil && x.Optional() && m.Name == "value" && want.Type == variableType {
			out.Needs = m.Name
		}
	}
	if constant {
		object := make(program.Object, 0, len(out.Members))
		for _, m := range out.Members {
			object = append(object, program.Member{Name: m.Name, Value: m.Value.Value})
		}
		out.Form, out.Value = program.ConstantForm, object
	}
	return out
}

// keyed returns the member of a key of labels or annotations, without its value; false if the key is invalid.
func (c *compiler) keyed(key *yaml.Node, at *schema.Path) (m program.NodeMember, valid bool) {
	name := key.Value
	switch {
	case name == program.WhenWord || name == program.EachWord:
		c.report.fault(key, at, templates.FieldNotAllowed, "to leave a key out, make its value an optional: ${optional.ofNonZeroValue(…)}",
			"%s does not belong here: keys are written one by one", name)
		return m, false
	case unquotedKey(key, at, c.report):
		return m, false
	case !strings.Contains(name, "${"):
		return program.NodeMember{Name: name}, true
	}
	if m.Key = c.key(key, at); m.Key == nil {
		return m, false
	}
	if m.Key.Constant() {
		m.Name, _ = m.Key.Value.(string)
		m.Key = nil
	}
	return m, true
}

// key compiles a key of labels or annotations, which may contain expressions.
func (c *compiler) key(n *yaml.Node, at *schema.Path) *program.Node {
	key := c.scalar(n, shape.Template().Text, at)
	if key == nil || key.Form != program.ExpressionForm {
		return key
	}
	if key.Reads().FromOutside() {
		c.report.fault(n, at, templates.ExpressionType, "use ${instance} or ${index}", "a key may depend on nothing but instance and index")
		return nil
	}
	if key.Expression.Optional() {
		c.report.fault(n, at, templates.ExpressionType, "", "a key cannot be optional")
		return nil
	}
	return key
}

func (c *compiler) unknown(mapping, key, value *yaml.Node, want *schema.Schema, at *schema.Path, list program.List) {
	known := want.Names()
	if whole := shape.Template().Whole[want]; whole != nil {
		if _, ok := whole.Field(key.Value); ok {
			c.report.fault(key, at, templates.FieldNotAllowed, "it may add "+strings.Join(known, ", "), "a template may not add %s here", key.Value)
			return
		}
	}
	hint := cmp.Or(schema.SplitHint(mapping, key, value), want.HintFor(key.Value))
	switch word := "$" + key.Value; {
	case slices.Contains(wordsOf(list), word):
		hint = "did you mean " + word + "?"
	case hint == "" && isField(shape.Template().Pod, key.Value):
		hint = "it stands beside the containers, in spec.pod.spec"
	case hint == "" && isField(shape.Template().Document, key.Value):
		hint = "it stands beside app and pod, in spec"
	case hint == "":
		hint = want.FieldsHint()
	}
	c.report.fault(key, at, templates.UnknownField, hint, "%s has no field %s", want.Type, message.Quote(key.Value))
}

// isField reports whether the spec of an object has a field of that name.
func isField(object *schema.Schema, name string) bool {
	spec, ok := object.Field("spec")
	if ok {
		_, ok = spec.Schema.Field(name)
	}
	return ok
}

func (c *compiler) list(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	out := &program.Node{Form: program.ListForm, Want: want, Place: placeOf(n, at)}
	switch want {
	case shape.Template().InitContainers:
		out.List = program.InitContainers
	case shape.Template().Containers:
		out.List = program.MainContainers
	case shape.Template().AppVariables:
		out.List = program.AppVariables
	}
	containers := out.List == program.InitContainers || out.List == program.MainContainers
	constant, said := !containers, false
	for i, item := range n.Content {
		item = manifest.Resolve(item)
		here := at.Item(i)
		var compiled *program.Node
		switch {
		case item.Kind == yaml.MappingNode && want.Elem.Kind == schema.Object:
			compiled = c.item(item, want.Elem, here, out.List)
			if compiled != nil && containers { // nil if its $each is invalid
				if compiled.Item == nil {
					compiled.Item = &program.Item{}
				}
				compiled.Item.Name = scalarAt(item, "name")
			}
			said = said || compiled != nil && compiled.Item != nil
		case item.Kind == yaml.ScalarNode && item.Tag == "!!null" && !strings.Contains(item.Value, "${"):
			c.report.fault(item, here, templates.WrongType, "", "want %s, got nothing", article(want.Elem))
		default:
			compiled = c.value(item, want.Elem, here)
		}
		if compiled == nil {
			continue
		}
		constant = constant && compiled.Constant()
		out.Items = append(out.Items, compiled)
	}
	if !said && !containers {
		out.List = program.OtherList
	}
	if constant {
		values := make([]any, len(out.Items))
		for i, item := range out.Items {
			values[i] = item.Value
		}
		out.Form, out.Value = program.ConstantForm, values
	}
	return out
}

// section compiles app or pod, which must be mappings; nil if it is absent.
func (c *compiler) section(n *yaml.Node, want *schema.Schema, at *schema.Path) *program.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		c.report.fault(n, at, templates.WrongType, "", "want a mapping, got a %s", nodeKind(n))
		return nil
	}
	return c.mapping(n, want, at)
}

func (c *compiler) pod(n *yaml.Node) *program.Node {
	return c.section(n, shape.Template().Pod, specPath().Member("pod"))
}

// app compiles spec.app without the fields that select containers.
func (c *compiler) app(n *yaml.Node) *program.Node {
	if n != nil && n.Kind == yaml.MappingNode {
		rest := *n
		rest.Content = nil
		for key, value := range manifest.Pairs(n) {
			if !slices.Contains([]string{"containers", "initContainers", "sidecars"}, key.Value) {
				rest.Content = append(rest.Content, key, value)
			}
		}
		n = &rest
	}
	within := *c
	within.environment = c.environment.WithTarget()
	return within.section(n, shape.Template().App, specPath().Member("app"))
}

func (c *compiler) permissions(n *yaml.Node) *program.Node {
	if n == nil {
		return nil
	}
	at := specPath().Member("permissions")
	if n.Kind != yaml.SequenceNode {
		c.report.fault(n, at, templates.WrongType, "write it as the rules of a Role", "want a list, got a %s", nodeKind(n))
		return nil
	}
	return c.list(n, shape.Template().Permissions, at)
}
