package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// A mark is a character for private use that stands for a parameter's value: no
// template holds one, and no function of CEL can cut it in two.
const (
	firstMark = '\U000F0000'
	lastMark  = '\U000FFFFD'
)

func mark(parameter int) string { return string(rune(min(firstMark+parameter, lastMark))) }

// marked gives the first parameter whose mark is in a text, or -1.
func marked(text string) int {
	i := strings.IndexFunc(text, isMark)
	if i < 0 {
		return -1
	}
	for _, r := range text[i:] {
		return int(r - firstMark)
	}
	return -1
}

func isMark(r rune) bool { return r >= firstMark && r <= lastMark }

const (
	// mostChoices bounds the choices of values that a template's command lines are read with.
	mostChoices = 128
	// mostWords bounds the words that are read with all choices together.
	mostWords = 100_000
	// mostLiterals bounds the texts in expressions that are tried as values of each parameter.
	mostLiterals = 1000
)

// expressions are those seen that may make a shell or its words, sorted; none if there
// is no shell.
func (c *shellCheck) expressions() []*program.Node {
	var out []*program.Node
	isShell := func(text string) bool { return shellOf(text) != noShell }
	parameters := make(map[string]bool, len(c.template.Parameters()))
	for _, p := range c.template.Parameters() {
		parameters[p.Name] = isShell(p.Text) || slices.ContainsFunc(p.Enum, isShell)
	}
	for n := range c.seen {
		names := slices.ContainsFunc(n.Expression.Literals(), isShell)
		for _, name := range n.Uses().Parameters {
			names = names || parameters[name]
		}
		c.shell = c.shell || names
		if names || n.Want != nil && (n.Want.Kind == schema.String || n.Want.Kind == schema.List) {
			out = append(out, n)
		}
	}
	if !c.shell {
		return nil
	}
	slices.SortFunc(out, func(a, b *program.Node) int { return strings.Compare(a.Place.At.String(), b.Place.At.String()) })
	return out
}

// choices are values of the parameters by which the expressions may differ: every
// combination if they are few, else each value beside the first ones of all others. The
// first choice is all marks.
func (c *shellCheck) choices(expressions []*program.Node) []map[string]any {
	used := map[string]bool{}
	var literals []string
	for _, n := range expressions {
		for _, name := range n.Uses().Parameters {
			used[name] = true
		}
		literals = append(literals, n.Expression.Literals()...)
	}
	slices.Sort(literals)
	literals = slices.Compact(literals)
	if len(literals) > mostLiterals {
		c.list = append(c.list, templates.Finding{
			Path: specPath().String(), Reason: templates.TooLarge, Severity: templates.SeverityError, Hint: "make several templates of it",
			Message: fmt.Sprintf("the expressions of command lines hold %d texts, at most %d are allowed", len(literals), mostLiterals),
		})
		literals = literals[:mostLiterals]
	}

	first := map[string]any{}
	var varied []string
	candidates := map[string][]any{}
	combinations := 1
	for i, p := range c.template.Parameters() {
		var words []string
		if used[p.Name] {
			words = literals
		}
		values := valuesOf(p, i, words)
		first[p.Name] = values[0]
		if used[p.Name] && len(values) > 1 {
			varied = append(varied, p.Name)
			candidates[p.Name] = values[1:]
			combinations = min(combinations*len(values), mostChoices+1)
		}
	}
	most := max(1, min(mostChoices, mostWords/max(c.words, 1)))
	out := []map[string]any{first}
	for _, name := range varied {
		bases := out[:1]
		if combinations <= most {
			bases = out
		}
		for _, base := range slices.Clone(bases) {
			for _, value := range candidates[name] {
				if len(out) >= most {
					return out
				}
				choice := make(map[string]any, len(base))
				for k, v := range base {
					choice[k] = v
				}
				choice[name] = value
				out = append(out, choice)
			}
		}
	}
	return out
}

// valuesOf are values that may lead expressions different ways; the first is a mark,
// where the parameter takes any text.
func valuesOf(p *templates.Parameter, index int, literals []string) []any {
	m := mark(index)
	var out []any
	matching := 0
	add := func(text string) {
		matching += p.Matching(text)
		if len(out) > mostChoices || matching > templates.MaxMatching || !p.Takes(text) {
			return
		}
		if value, fault := p.Parse(text); fault == nil {
			out = append(out, value)
		}
	}
	switch {
	case len(p.Enum) > 0: // words of the template's own
		for _, text := range p.Enum {
			add(text)
		}
	case p.Type == v1alpha1.TypeString, p.Type == v1alpha1.TypeName:
		out = append(out, m+m+m)
	case p.Type == v1alpha1.TypePath:
		out = append(out, strings.Repeat("/"+m, 8))
	case p.Type == v1alpha1.TypeURL:
		out = append(out, "http://"+m+"/"+m+"/"+m+"?"+m+"="+m+"#"+m)
	case p.Type == v1alpha1.TypeStringList:
		out = append(out, []any{m + m, m + m})
	case p.Type == v1alpha1.TypeBoolean:
		out = append(out, true, false)
	default:
		if text, ok := p.Sample(); ok {
			add(text)
		}
	}
	if !p.Required {
		out = append(out, p.Value) // the default
		if !p.HasDefault {
			out = append(out, p.Unset)
		} else {
			add("")
		}
	}
	switch p.Type {
	case v1alpha1.TypeString, v1alpha1.TypeName, v1alpha1.TypePath, v1alpha1.TypeURL:
		for _, text := range literals {
			if text != "" {
				add(text)
			}
		}
	}
	if len(out) == 0 {
		return []any{p.Unset}
	}
	return distinct(out)
}

// distinct drops the later of equal values, in their order.
func distinct(values []any) []any {
	var out []any
	seen := map[string]bool{}
	for _, v := range values {
		if key := string(program.AppendJSON(nil, v)); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}
