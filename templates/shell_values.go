package templates

import (
	"slices"
	"strings"

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
func (c *shellCheck) expressions() []*node {
	var out []*node
	isShell := func(text string) bool { return shellOf(text) != noShell }
	parameters := make(map[string]bool, len(c.document.template.parameters))
	for _, p := range c.document.template.parameters {
		parameters[p.name] = isShell(p.text) || slices.ContainsFunc(p.enum, isShell)
	}
	for n := range c.seen {
		names := slices.ContainsFunc(n.expression.Literals(), isShell)
		for _, name := range n.uses().Parameters {
			names = names || parameters[name]
		}
		c.shell = c.shell || names
		if names || n.want != nil && (n.want.Kind == schema.String || n.want.Kind == schema.List) {
			out = append(out, n)
		}
	}
	if !c.shell {
		return nil
	}
	slices.SortFunc(out, func(a, b *node) int { return strings.Compare(a.place.at.String(), b.place.at.String()) })
	return out
}

// choices are values of the parameters by which the expressions may differ: every
// combination if they are few, else each value beside the first ones of all others. The
// first choice is all marks.
func (c *shellCheck) choices(expressions []*node) []map[string]any {
	used := map[string]bool{}
	var literals []string
	for _, n := range expressions {
		for _, name := range n.uses().Parameters {
			used[name] = true
		}
		literals = append(literals, n.expression.Literals()...)
	}
	slices.Sort(literals)
	literals = slices.Compact(literals)
	if len(literals) > mostLiterals {
		c.report(nil, specPath(), TooLarge, "make several templates of it",
			"the expressions of command lines hold %d texts, at most %d are allowed", len(literals), mostLiterals)
		literals = literals[:mostLiterals]
	}

	first := map[string]any{}
	var varied []string
	candidates := map[string][]any{}
	combinations := 1
	for i, p := range c.document.template.parameters {
		var words []string
		if used[p.name] {
			words = literals
		}
		values := p.candidates(i, words)
		first[p.name] = values[0]
		if used[p.name] && len(values) > 1 {
			varied = append(varied, p.name)
			candidates[p.name] = values[1:]
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

// candidates are values that may lead expressions different ways; the first is a mark,
// where the parameter takes any text.
func (p *parameter) candidates(index int, literals []string) []any {
	m := mark(index)
	var out []any
	matching := 0
	add := func(text string) {
		matching += p.matching(text)
		if len(out) > mostChoices || matching > maxMatching || !p.takes(text) {
			return
		}
		if value, fault := p.parse(text); fault == nil {
			out = append(out, value)
		}
	}
	switch {
	case len(p.enum) > 0: // words of the template's own
		for _, text := range p.enum {
			add(text)
		}
	case p.kind == v1alpha1.TypeString, p.kind == v1alpha1.TypeName:
		out = append(out, m+m+m)
	case p.kind == v1alpha1.TypePath:
		out = append(out, strings.Repeat("/"+m, 8))
	case p.kind == v1alpha1.TypeURL:
		out = append(out, "http://"+m+"/"+m+"/"+m+"?"+m+"="+m+"#"+m)
	case p.kind == v1alpha1.TypeStringList:
		out = append(out, []any{m + m, m + m})
	case p.kind == v1alpha1.TypeBoolean:
		out = append(out, true, false)
	default:
		if text, ok := p.synthesise(); ok {
			add(text)
		}
	}
	if !p.required {
		out = append(out, p.value) // the default
		if !p.hasDefault {
			out = append(out, p.unset)
		} else {
			add("")
		}
	}
	switch p.kind {
	case v1alpha1.TypeString, v1alpha1.TypeName, v1alpha1.TypePath, v1alpha1.TypeURL:
		for _, text := range literals {
			if text != "" {
				add(text)
			}
		}
	}
	if len(out) == 0 {
		return []any{p.unset}
	}
	return distinct(out)
}

// distinct drops the later of equal values, in their order.
func distinct(values []any) []any {
	var out []any
	seen := map[string]bool{}
	for _, v := range values {
		if key := string(AppendJSON(nil, v)); !seen[key] {
			seen[key] = true
			out = append(out, v)
		}
	}
	return out
}
