package check

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// shell reports values of parameters that become part of the text of a shell command: the shell would execute
// what the pod's author writes there.
//
// The rule reads the command lines as they are written; nothing is evaluated. A mark, a private-use
// character, stands for a parameter's value and is followed through expressions, variables and $(NAME). If an
// expression has alternatives, each is read.
func shell(s *Sample) []templates.Finding {
	c := &shellCheck{template: s.Template, told: map[string]bool{}, left: mostRead, outlines: map[*program.Node]expression.Outline{}, own: map[*program.Node][]string{}, steering: map[int][]string{}}
	p := s.Template.Program()
	for _, container := range p.Containers() {
		c.container(container)
	}
	c.container(p.App)
	return c.found.list
}

type shellCheck struct {
	template *templates.Template
	found    found
	told     map[string]bool // paths
	left     int             // of mostRead
	outlines map[*program.Node]expression.Outline
	own      map[*program.Node][]string // see variableTexts
	steering map[int][]string           // see words
}

// mostRead limits how many parts of expressions, and pieces of the texts made from them, are read: if each
// variable contains the previous one twice, the texts double at each step. Beyond the limit, an expression is
// treated as a text of the marks of all parameters that it reads.
const mostRead = 30_000

// pieceOfText is the number of bytes of a text that count as one part.
const pieceOfText = 64

// spend counts parts that are read, and reports whether the limit is not yet exceeded.
func (c *shellCheck) spend(parts int) bool {
	c.left -= parts
	return c.left >= 0
}

// outline returns the outline of a node's expression, parsed once.
func (c *shellCheck) outline(n *program.Node) expression.Outline {
	o, known := c.outlines[n]
	if !known {
		o = n.Expression.Outline()
		c.outlines[n] = o
	}
	return o
}

// marks returns a text of the marks of the given parameters, each once.
func (c *shellCheck) marks(parameters ...[]string) string {
	names := map[string]bool{}
	for _, list := range parameters {
		for _, name := range list {
			names[name] = true
		}
	}
	var marks strings.Builder
	for i, p := range c.template.Parameters() {
		if names[p.Name] {
			marks.WriteString(mark(i))
		}
	}
	return marks.String()
}

// container reads the command lines of a container, or those that the app gets.
func (c *shellCheck) container(n *program.Node) {
	env := sync.OnceValue(func() variables { return c.variables(items(n.Member("env"))) })
	c.commandLine(env, n.Member("command"), n.Member("args"))
	for _, probe := range []string{"livenessProbe", "readinessProbe", "startupProbe"} {
		c.commandLine(env, n.Member(probe).Member("exec").Member("command"))
	}
	for _, hook := range []string{"postStart", "preStop"} {
		// Kubernetes puts no variables into the command of a hook.
		c.commandLine(func() variables { return variables{} }, n.Member("lifecycle").Member(hook).Member("exec").Member("command"))
	}
}

// commandLine reads the words of some lists. env is called only if a word may refer to a variable.
func (c *shellCheck) commandLine(env func() variables, lists ...*program.Node) {
	var words []word
	for _, n := range lists {
		if n != nil && n.Form == program.ExpressionForm {
			words = c.appendWords(words, n, c.outline(n), true)
			continue
		}
		for _, item := range items(n) {
			if item.Form == program.ExpressionForm {
				words = c.appendWords(words, item, c.outline(item), false)
				continue
			}
			text, _ := item.Value.(string)
			words = append(words, word{written: text, place: item.Place})
		}
	}
	a := argv{check: c}
	if slices.ContainsFunc(words, func(w word) bool { return strings.Contains(w.written, "$(") || shellOf(w.written) == commandPrompt }) {
		a.env = env()
	}
	for i := range words {
		words[i].text = a.env.expand(words[i].written)
	}
	a.read(words)
}

// appendWords appends the words that an expression adds to a command line. If it has alternatives, the words
// of all of them are appended one after the other, marked as optional.
func (c *shellCheck) appendWords(words []word, n *program.Node, o expression.Outline, isList bool) []word {
	before := len(words)
	if !c.spend(1) {
		return append(words, word{written: c.marks(n.Reads().Parameters), place: n.Place, list: true, maybe: true})
	}
	o = c.written(o)
	switch {
	case isList && o.Form == expression.UnknownOutline, !isList || o.Form == expression.LiteralOutline || o.Form == expression.JoinedOutline:
		texts := c.texts(n, o)
		if isList { // the list may hold a shell before the value that the shell reads
			texts = append(texts[1:], texts[0])
		}
		for _, text := range texts {
			words = append(words, word{written: text, place: n.Place, list: isList, maybe: len(texts) > 1})
		}
	default:
		for _, p := range o.Parts {
			words = c.appendWords(words, n, p, o.Form != expression.ListOutline)
		}
	}
	if o.Form == expression.EitherOutline {
		for i := before; i < len(words); i++ {
			words[i].maybe = true
		}
	}
	return words
}

// written returns the outline of the value; if the value is one of the template's own variables, that of the
// variable's expression.
func (c *shellCheck) written(o expression.Outline) expression.Outline {
	for v := c.variable(o); v != nil && c.spend(1); v = c.variable(o) {
		o = c.outline(v) // which reads only variables before it
	}
	return o
}

// variable returns the template's own variable that an outline consists of; nil if it is something else.
func (c *shellCheck) variable(o expression.Outline) *program.Node {
	if o.Form != expression.UnknownOutline || len(o.Variables) != 1 || len(o.Parameters)+len(o.Literals) > 0 || o.Each {
		return nil
	}
	return c.template.Program().Variable(o.Variables[0])
}

// variableTexts returns the texts that a variable's value may be, computed once.
func (c *shellCheck) variableTexts(v *program.Node) []string {
	texts, known := c.own[v]
	if !known {
		texts = c.texts(v, c.outline(v))
		c.own[v] = texts
	}
	return texts
}

// mostTexts bounds the alternatives of one text.
const mostTexts = 16

// texts returns the alternatives of a text, with marks for values of parameters.
func (c *shellCheck) texts(n *program.Node, o expression.Outline) []string {
	if !c.spend(1) {
		return []string{c.marks(n.Reads().Parameters)}
	}
	if v := c.variable(o); v != nil {
		return c.variableTexts(v)
	}
	var all []string
	switch o.Form {
	case expression.LiteralOutline:
		return []string{o.Text}
	case expression.UnknownOutline:
		all = c.unknown(n, o)
		for _, name := range o.Variables {
			if v := c.template.Program().Variable(name); v != nil {
				all = append(all, c.variableTexts(v)...)
			}
		}
	case expression.EitherOutline:
		for _, p := range o.Parts {
			all = append(all, c.texts(n, p)...)
		}
	default:
		all = append(all, "")
		for _, p := range o.Parts {
			var longer []string
			for _, text := range c.texts(n, p) {
				for _, before := range all {
					whole := before + text
					if len(whole) > longestText || !c.spend(len(whole)/pieceOfText) {
						whole = marksOf(whole)
					}
					longer = append(longer, whole)
				}
			}
			all = bounded(longer)
		}
	}
	return bounded(all)
}

// bounded returns at most mostTexts alternatives; the last stands for the rest by a mark, if the rest has
// one.
func bounded(texts []string) []string {
	if len(texts) <= mostTexts {
		return texts
	}
	return append(texts[:mostTexts-1:mostTexts-1], marksOf(strings.Join(texts[mostTexts-1:], "")))
}

// unknown returns the alternatives of a value of which only the sources are known. A source that may be a
// shell's name or option is an alternative of its own.
func (c *shellCheck) unknown(n *program.Node, o expression.Outline) []string {
	parameters := [][]string{o.Parameters}
	if o.Each {
		parameters = append(parameters, n.Indirect.Parameters)
	}
	for _, name := range o.Variables {
		if v := c.template.Program().Variable(name); v != nil {
			reads := v.Reads().Parameters
			parameters = append(parameters, reads)
			c.left -= len(reads)/8 + 1
		}
	}
	all := []string{c.marks(parameters...)}
	for _, text := range o.Literals {
		if steers(text) {
			all = append(all, text)
		}
	}
	for _, r := range all[0] {
		all = append(all, c.words(parameterOf(r))...)
	}
	return all
}

// words returns the known values of a parameter (its enum and default) that are a shell's name or option.
func (c *shellCheck) words(parameter int) []string {
	words, known := c.steering[parameter]
	if !known {
		p := c.template.Parameters()[parameter]
		for _, text := range append(slices.Clone(p.Enum), p.Text) {
			if steers(text) && len(words) < mostTexts {
				words = append(words, text)
			}
		}
		c.steering[parameter] = words
	}
	return words
}

// steers reports whether a word can be the name of a shell or an option.
func steers(word string) bool { return shellOf(word) != noShell || strings.HasPrefix(word, "-") }

// script reports a text that a shell executes, if it contains a parameter's value. option is the index of the
// parameter that has to be -c for the shell to execute the text, -1 if there is no such condition.
func (c *shellCheck) script(w *word, family shellFamily, option int, env variables) {
	hint := `pass it as an environment variable and write "$NAME" here`
	if family == powerShell {
		hint = "pass it as an environment variable and write $env:NAME here"
	}
	if i := marked(w.written); i >= 0 {
		text := "parameter " + c.name(i) + " becomes part of the text of a shell command"
		switch {
		case option >= 0:
			text += " where parameter " + c.name(option) + " is -c"
			hint = "write -- before them"
		case family == commandPrompt:
			hint = "use PowerShell with an environment variable, $env:NAME; cmd puts all it is given into its commands"
		}
		c.tell(w.place, hint, text)
		return
	}
	references := env.references(w.written, family)
	for _, name := range slices.Sorted(maps.Keys(references)) {
		if i := marked(env.values[name]); i >= 0 {
			if family == posixShell || family == switchUser {
				hint = `write "$` + name + `", which the shell does not read as part of the command`
			}
			c.tell(w.place, hint, references[name]+" puts parameter "+c.name(i)+" into the text of a shell command")
			return
		}
	}
}

func (c *shellCheck) tell(where program.Place, hint, text string) {
	if path := where.At.String(); !c.told[path] {
		c.told[path] = true
		c.found.fault(where, templates.ShellInjection, hint, "%s", text)
	}
}

func (c *shellCheck) name(i int) string { return c.template.Parameters()[i].Name }

// items returns the items of a literal list; nil if n is none.
func items(n *program.Node) []*program.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// A mark is a private-use character that stands for a parameter's value.
const firstMark, lastMark = '\U000F0000', '\U000FFFFD'

func mark(parameter int) string { return string(rune(min(firstMark+parameter, lastMark))) }

func parameterOf(mark rune) int { return int(mark - firstMark) }

func isMark(r rune) bool { return r >= firstMark && r <= lastMark }

// marked returns the index of the first parameter whose mark is in a text, or -1.
func marked(text string) int {
	for _, r := range text {
		if isMark(r) {
			return parameterOf(r)
		}
	}
	return -1
}

// marksOf returns the first mark of a text; "" if it has none.
func marksOf(text string) string {
	if i := marked(text); i >= 0 {
		return mark(i)
	}
	return ""
}
