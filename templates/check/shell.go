package check

import (
	"errors"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// shell finds parameters' values that become part of the text of a shell
// command: the shell would run whatever the pod's author puts into them.
//
// It reads the command lines first with every expression unknown, then evaluated,
// with marks for the values of the parameters, which show up wherever a value gets to.
func shell(s *Sample) []templates.Finding {
	c := &shellCheck{template: s.Template, program: s.Template.Program(), seen: map[*program.Node]bool{}}
	c.check()
	return c.list
}

func (c *shellCheck) check() {
	c.containers()
	if len(c.seen) == 0 {
		return
	}
	c.values = &program.Evaluation{}
	c.render(c.choices(nil)[0], true)
	expressions := c.expressions()
	if len(expressions) == 0 {
		return
	}
	native := slices.ContainsFunc(expressions, func(n *program.Node) bool { return n.Reads().Native })
	for _, choice := range c.choices(expressions) {
		if c.spent {
			return
		}
		c.render(choice, true)
		if native {
			c.render(choice, false)
		}
	}
}

// shellCheck reads the command lines of one template.
type shellCheck struct {
	template *templates.Template
	program  *program.Program
	list     []templates.Finding
	// values evaluates expressions; nil: all are unknown. Its budget is that of the whole
	// check: when it is spent, what is left is unknown.
	values *program.Evaluation
	spent  bool
	seen   map[*program.Node]bool // expressions in or about a command line
	words  int                    // read so far, or that would have been
	shell  bool                   // one of them is a shell
}

// part is a value of the template: a node that is a mapping or list, or a finished
// value. The zero part is absent.
type part struct {
	node  *program.Node
	value any
	place program.Place
	// unknown says that an expression was not evaluated: value is the marks of the
	// parameters that it reads. It stands for many words if list is set.
	unknown, list bool
}

func (c *shellCheck) render(values map[string]any, native bool) {
	in := c.template.SampleInput(templates.Parameters{})
	in.Native = native
	a := in.Activation()
	a.Parameters = values
	c.values.Again(a)
	c.containers()
}

func (c *shellCheck) containers() {
	spec := c.member(c.of(c.program.Pod), "spec")
	for _, list := range []string{"initContainers", "containers"} {
		for _, container := range c.items(c.member(spec, list)) {
			c.container(container)
		}
	}
	c.container(c.of(c.program.App))
}

// container reads the command lines of a container, or those that the app gets.
func (c *shellCheck) container(p part) {
	c.commandLine(slices.Concat(c.items(c.member(p, "command")), c.items(c.member(p, "args"))), p)
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		c.commandLine(c.items(c.member(c.member(c.member(p, probe), "exec"), "command")), p)
	}
	for _, hook := range []string{"postStart", "preStop"} {
		// Kubernetes puts no variables into the command of a hook.
		c.commandLine(c.items(c.member(c.member(c.member(c.member(p, "lifecycle"), hook), "exec"), "command")), part{})
	}
}

func (c *shellCheck) commandLine(parts []part, container part) {
	words := make([]word, 0, len(parts))
	references := false
	for _, p := range parts {
		text, _ := p.value.(string)
		c.words += 1 + len(text)/100 // a long text is as much to read as many words
		words = append(words, word{written: text, text: text, place: p.place, unknown: p.unknown, list: p.list})
		references = references || strings.Contains(text, "$(")
		c.shell = c.shell || shellOf(text) != noShell
	}
	var variables variables
	if references || slices.ContainsFunc(words, func(w word) bool { return shellOf(w.text) == commandPrompt }) {
		variables = c.variables(container)
		values, total := variables.values, 0
		for i := range words {
			words[i].text = expand(words[i].text, values)
			before := total
			if total += len(words[i].text); before <= longestCommandLine && total > longestCommandLine {
				values = variables.marks().values // in which the rest of the words are as good
			}
		}
	}
	for _, s := range scripts(words, c.mayBe) {
		c.script(s, variables)
	}
}

// variables are those of a container, as Kubernetes puts them into its command.
func (c *shellCheck) variables(container part) variables {
	v := variables{values: map[string]string{}, folded: map[string]string{}}
	out, total := v.values, 0
	for _, item := range c.items(c.member(container, "env")) {
		name, _ := c.member(item, "name").value.(string)
		value, _ := c.member(item, "value").value.(string)
		c.words++
		if name != "" {
			// Conditions are not looked at, so one of several of a name may count.
			out[name] = shortened(out[name] + expand(value, out))
			v.folded[strings.ToLower(name)] = name
			c.words += len(value) / 100
			before := total
			if total += len(out[name]); before <= longestCommandLine && total > longestCommandLine {
				v = v.marks()
				out = v.values
			} else if before > longestCommandLine {
				out[name] = marksOf(out[name])
			}
		}
	}
	return v
}

// script reports a text that a shell reads, if a parameter's value is in it.
func (c *shellCheck) script(s script, variables variables) {
	hint := `pass it as an environment variable and write "$NAME" here`
	if s.family == powerShell {
		hint = "pass it as an environment variable and write $env:NAME here"
	}
	if i := marked(s.written); i >= 0 {
		message := "parameter " + c.parameter(i).Name + " becomes part of the text of a shell command"
		switch {
		case s.option >= 0:
			message += " where parameter " + c.parameter(s.option).Name + " is -c"
			hint = "write -- before them"
		case s.family == commandPrompt:
			hint = "use PowerShell with an environment variable, $env:NAME; cmd puts all it is given into its commands"
		}
		c.found(s.place, hint, message)
		return
	}
	for name, reference := range s.references(variables) {
		if i := marked(variables.values[name]); i >= 0 {
			if s.family == posixShell || s.family == switchUser {
				hint = `write "$` + name + `", which the shell does not read as part of the command`
			}
			c.found(s.place, hint, reference+" puts parameter "+c.parameter(i).Name+" into the text of a shell command")
			return
		}
	}
}

func (c *shellCheck) found(where program.Place, hint, text string) {
	path := where.At.String()
	if !slices.ContainsFunc(c.list, func(f templates.Finding) bool { return f.Reason == templates.ShellInjection && f.Path == path }) {
		c.list = append(c.list, templates.Finding{
			Line: where.Line, Column: where.Column, Path: path, Reason: templates.ShellInjection, Severity: templates.SeverityError, Hint: hint, Message: text,
		})
	}
}

// of is a node as far as it need be evaluated.
func (c *shellCheck) of(n *program.Node) part {
	switch {
	case n == nil:
		return part{}
	case n.Form == program.ExpressionForm:
		return c.expression(n)
	case n.Form == program.ConstantForm && n.Members == nil && n.Items == nil:
		return part{value: n.Value, place: n.Place}
	default:
		return part{node: n, place: n.Place}
	}
}

func (c *shellCheck) expression(n *program.Node) part {
	c.seen[n] = true
	// What the elements of a $each are is unknown here, but not which parameters they come from.
	if c.values != nil && !c.spent && !n.Reads().Each {
		value, present, err := c.values.Expression(n)
		if err == nil && present {
			return part{value: value, place: n.Place}
		} else if err == nil {
			return part{}
		}
		var fault *expression.Error
		c.spent = errors.As(err, &fault) && fault.Reason == expression.ExpressionCost
	}
	var marks strings.Builder
	for _, name := range n.Uses().Parameters {
		marks.WriteString(mark(c.index(name)))
	}
	return part{value: marks.String(), place: n.Place, unknown: true, list: n.Want != nil && n.Want.Kind == schema.List}
}

func (c *shellCheck) member(p part, name string) part {
	if p.node != nil {
		return c.of(p.node.Member(name))
	}
	o, _ := p.value.(program.Object)
	value, there := o.Get(name)
	if !there {
		return part{}
	}
	return part{value: value, place: p.place}
}

// items are those of a list that are there; an unknown list is one item.
func (c *shellCheck) items(p part) []part {
	var out []part
	if p.node != nil {
		for _, item := range p.node.Items {
			if i := c.of(item); i.node != nil || i.value != nil {
				out = append(out, i)
			}
		}
		return out
	}
	if p.unknown {
		return []part{p}
	}
	values, _ := p.value.([]any)
	for _, v := range values {
		out = append(out, part{value: v, place: p.place})
	}
	return out
}

func (c *shellCheck) parameter(i int) *templates.Parameter { return c.template.Parameters()[i] }

func (c *shellCheck) index(name string) int {
	return slices.IndexFunc(c.template.Parameters(), func(p *templates.Parameter) bool { return p.Name == name })
}

// mayBe says whether a word may be the text, because it begins with the value of a
// parameter that takes it.
func (c *shellCheck) mayBe(w *word, text string) (parameter int, ok bool) {
	i := marked(w.text)
	if i < 0 || !strings.HasPrefix(w.text, mark(i)) {
		return 0, false
	}
	return i, c.parameter(i).Takes(text)
}
