package load

import (
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

// variableType is the type of an environment variable.
const variableType = "core/v1.EnvVar"

// resourcesType is the type of a container's resources.
const resourcesType = "core/v1.ResourceRequirements"

// wordsOf returns the $ words that an item of a list may have.
func wordsOf(list program.List) []string {
	words := []string{program.WhenWord}
	if list != program.NoList {
		words = append(words, program.EachWord)
	}
	switch list {
	case program.InitContainers, program.MainContainers:
		words = append(words, program.PositionWord)
	case program.AppVariables:
		words = append(words, program.PositionWord, program.AppendWord, program.PrependWord)
	case program.OtherList, program.NoList:
	}
	return words
}

// wordHint returns the hint for a word that means nothing where these do.
func wordHint(word string, fit []string) string {
	meant := message.Nearest(word, fit)
	switch word {
	case "$if", "$unless":
		meant = program.WhenWord
	case "$for", "$foreach", "$forEach", "$range":
		meant = program.EachWord
	}
	// Among so few and so short words, one that begins otherwise is near by chance.
	if slices.Contains(fit, meant) && (strings.HasPrefix(word, meant[:2]) || message.Nearest(word, []string{meant}) == "") {
		return "did you mean " + meant + "?"
	}
	last := len(fit) - 1
	return "want " + strings.TrimPrefix(strings.Join(fit[:last], ", ")+" or "+fit[last], " or ")
}

// word compiles a member whose name begins with $: it controls an item or field and is not part of the pod.
func (c *compiler) word(out *program.Node, key, value *yaml.Node, at *schema.Path, list program.List) {
	item := func() *program.Item {
		if out.Item == nil {
			out.Item = &program.Item{}
		}
		return out.Item
	}
	allowed := slices.Contains(wordsOf(list), key.Value)
	switch {
	case key.Value == program.WhenWord && out.Want == shape.Template().Pod:
		c.report.fault(key, at, templates.FieldNotAllowed, "put $when on what is within", "a whole section cannot be left out")
	case key.Value == program.WhenWord:
		out.When = c.when(value, at)
	case key.Value == program.EachWord && out.Each != nil:
		// compiled before the rest of the item
	case key.Value == program.EachWord:
		c.report.fault(key, at, templates.FieldNotAllowed, "put it on an item of a list that is a mapping", "$each does not belong here")
	case key.Value == program.PositionWord && allowed:
		item().Position = c.positions(value, at, list)
	case key.Value == program.PositionWord:
		c.report.fault(key, at, templates.BadPosition, "", "only containers, and variables of app, have a $position")
	case (key.Value == program.AppendWord || key.Value == program.PrependWord) && allowed:
		c.join(item(), key, value, at)
	case key.Value == program.AppendWord || key.Value == program.PrependWord:
		c.report.fault(key, at, templates.FieldNotAllowed, "", "only variables of app have %s: nothing else of the app's own is joined", key.Value)
	default:
		c.report.fault(key, at, templates.UnknownField, wordHint(key.Value, wordsOf(list)), "%s means nothing here", message.Quote(key.Value))
	}
}

// foregone warns of what comes out alike for every pod: whether a parameter is there, which it is without a value as
// well, whether it is a text that its enum does not have, whether something is of a kind that it never has, and what
// no pod has when it is created.
func (c *compiler) foregone(n *yaml.Node, x *expression.Expression, at *schema.Path) {
	warn := func(offset int, text, hint string) {
		line, column := c.report.text.place(n, offset)
		c.report.add(templates.Finding{
			Line: line, Column: column, Path: at.String(), Reason: templates.BadValue, Severity: templates.SeverityWarning, Message: text, Hint: hint,
		})
	}
	for _, asked := range x.Presences() {
		if p := c.parameter(asked.Parameter); p != nil && !p.HasValue() {
			warn(asked.Offset, "parameter "+message.Quote(p.Name)+" is there even if nobody gives it",
				"write "+p.IsGiven()+" to ask whether it is given, or let it have a default")
		}
	}
	for _, compared := range x.Comparisons() {
		if c.report.warnings > templates.MaxFindings {
			return // more than are reported, and a hint takes a look at the whole enum
		}
		if text, hint := neverOfKind(compared.KindOf, compared.Text); text != "" {
			warn(compared.Offset, text, hint)
		}
		if p := c.parameter(compared.Parameter); p != nil && compared.Text != "" && !p.Allows(compared.Text) {
			warn(compared.Offset, "parameter "+message.Quote(p.Name)+" is never "+message.Quote(compared.Text),
				message.DidYouMean(compared.Text, p.Enum, "its enum has "+message.List(p.Enum)))
		}
	}
	for _, path := range x.Uses().Paths {
		if name := strings.Join(path.Fields, "."); path.Root == "pod" && notYet(path.Fields) {
			hint := ""
			if slices.Contains([]string{"metadata.uid", "status.podIP", "status.podIPs", "status.hostIP", "status.hostIPs"}, name) {
				hint = "the container has it in a variable with valueFrom: {fieldRef: {fieldPath: " + name + "}}"
			}
			warn(0, "pod."+name+" is not there yet when a pod is created", hint)
			return
		}
	}
}

// neverOfKind says that a pod, or a workload, never is of a kind; "" if it may be.
func neverOfKind(variable, kind string) (text, hint string) {
	switch {
	case variable == "pod" && strings.EqualFold(kind, "Pod") && kind != "Pod":
		return "pod.kind is always \"Pod\"", "write \"Pod\""
	case variable == "pod" && kind != "Pod":
		return "pod.kind is always \"Pod\"", "write workload.kind: the kind of what a person wrote"
	case variable == "workload":
		for _, known := range []string{"Pod", "ReplicationController", "ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"} {
			if kind != known && strings.EqualFold(strings.TrimSuffix(kind, "s"), known) {
				return "workload.kind is never " + message.Quote(kind), "write " + message.Quote(known)
			}
		}
	}
	return "", ""
}

// notYet reports whether the API server sets a field of a pod, or something in it, only after the pod was admitted.
func notYet(fields []string) bool {
	switch {
	case len(fields) == 0:
		return false
	case fields[0] == "metadata" && len(fields) > 1:
		return slices.Contains([]string{"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp"}, fields[1])
	}
	return fields[0] == "status"
}

// parameter returns a declared parameter; nil if there is none of that name.
func (c *compiler) parameter(name string) *templates.Parameter {
	i := slices.IndexFunc(c.parameters, func(p *templates.Parameter) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return c.parameters[i]
}

// when compiles a condition; nil if it is constantly true, or invalid.
func (c *compiler) when(value *yaml.Node, at *schema.Path) *program.Node {
	if n := manifest.Resolve(value); n.Kind == yaml.ScalarNode && n.Tag == "!!str" && !strings.Contains(n.Value, "${") {
		c.report.fault(n, at, templates.WrongType, "write $when: ${CONDITION}", "want a boolean, got the string %s", message.Quote(n.Value))
		return nil
	}
	when := c.value(value, shape.Template().Boolean, at)
	switch {
	case when == nil:
		if manifest.Resolve(value).Tag == "!!null" {
			c.report.fault(value, at, templates.WrongType, "", "want a boolean, got nothing")
		}
	case when.Form == program.ExpressionForm && when.Expression.Optional():
		c.report.fault(value, at, templates.ExpressionType, "use .orValue(false)", "$when cannot be optional")
	case when.Constant() && when.Value == true:
	default:
		return when
	}
	return nil
}

// join reads $append or $prepend, the separator between the existing value and the template's.
func (c *compiler) join(out *program.Item, key, value *yaml.Node, at *schema.Path) {
	if out.Join.Side != program.NotJoined {
		c.report.fault(key, at, templates.BadValue, "write two items, one for each", "a variable has either $append or $prepend")
		return
	}
	text := c.scalarOf(value, at)
	if text == nil {
		return
	}
	if *text == "" {
		c.report.fault(value, at, templates.BadValue, `write the text between the two, such as `+key.Value+`: " "`, "the text between the values is empty")
		return
	}
	out.Join = program.Join{Side: program.Appended, Text: *text}
	if key.Value == program.PrependWord {
		out.Join.Side = program.Prepended
	}
}

// scalarOf returns a string without expressions; nil if the value is something else, which is reported.
func (c *compiler) scalarOf(n *yaml.Node, at *schema.Path) *string {
	n = manifest.Resolve(n)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || strings.Contains(n.Value, "${") {
		c.report.fault(n, at, templates.WrongType, "write it as it is, without expressions", "want a text")
		return nil
	}
	return &n.Value
}

// each compiles the list of a $each; nil if it is invalid.
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
	return c.expression(n, text, compiled, nil, where), within
}

// positions compiles $position: a word or a list of them.
func (c *compiler) positions(n *yaml.Node, at *schema.Path, list program.List) []*program.Node {
	n = manifest.Resolve(n)
	if n.Kind == yaml.ScalarNode {
		if p := c.position(n, at, list); p != nil {
			return []*program.Node{p}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		c.report.fault(n, at, templates.BadPosition, list.Hint(), "want a word or a list of them, got a mapping")
		return nil
	}
	if len(n.Content) == 0 {
		c.report.fault(n, at, templates.BadPosition, list.Hint(), "want a word or a list of them, got an empty list")
	}
	var out []*program.Node
	for i, item := range n.Content {
		item = manifest.Resolve(item)
		if item.Kind != yaml.ScalarNode {
			c.report.fault(item, at.Item(i), templates.BadPosition, list.Hint(), "want a word, got a %s", nodeKind(item))
			continue
		}
		if p := c.position(item, at.Item(i), list); p != nil {
			out = append(out, p)
		}
	}
	return out
}

func (c *compiler) position(n *yaml.Node, at *schema.Path, list program.List) *program.Node {
	if n.Tag == "!!int" || n.Tag == "!!bool" {
		c.report.fault(n, at, templates.BadPosition, list.Hint(), "%s is no position", message.Quote(n.Value))
		return nil
	}
	p := c.scalar(n, shape.Template().Text, at)
	if p == nil && n.Tag == "!!null" {
		c.report.fault(n, at, templates.BadPosition, list.Hint(), "want a word, got nothing")
	}
	if p == nil || p.Form == program.ExpressionForm {
		return p
	}
	if text, _ := p.Value.(string); !list.Takes(text) {
		hint := list.Hint()
		if strings.Contains(text, ",") {
			hint += "; several stand in a list: [first, after:NAME]"
		}
		c.report.fault(n, at, templates.BadPosition, hint, "%s is no position", message.Quote(text))
		return nil
	}
	return p
}
