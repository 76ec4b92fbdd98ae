package expression

import (
	"slices"
	"strings"
)

// Kubernetes replaces $(NAME) in commands, arguments and environment variables by the value of a variable,
// and reads $$( as a literal $(. A template may contain $(NAME), and so may the value of a parameter of type
// string; no other value may. But joining "/x$" and "(TOKEN)" would create a reference that neither contains,
// so the $ is doubled where values are joined.

// meet inserts another $ at start if the text before it ends with an unescaped $ and the text from start on
// begins with "(", so that Kubernetes keeps both literally.
func meet(text []byte, start int) []byte {
	if start == 0 || start == len(text) || text[start] != '(' || !opens(text[:start]) {
		return text
	}
	return slices.Insert(text, start, '$')
}

// Meet joins two texts without creating a $( at the join.
func Meet(left, right string) string {
	return string(meet(append([]byte(left), right...), len(left)))
}

// opens reports whether a text ends with a $ that is not the second of a pair $$, so that a following "("
// would begin a reference.
func opens(text []byte) bool {
	dollars := 0
	for dollars < len(text) && text[len(text)-1-dollars] == '$' {
		dollars++
	}
	return dollars%2 == 1
}

// apart doubles the $ of each $( in the result of an expression, unless the template's author wrote it in the
// expression or it may come from a value that the expression reads.
func (p *program) apart(value any, in *Activation) any {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "$(") && !p.written(in) {
			return withoutReferences(v, p.references)
		}
	case []any:
		if !holds(v) || p.written(in) {
			return value
		}
		out := slices.Clone(v) // the list may be that of a parameter
		for i, item := range out {
			if text, ok := item.(string); ok {
				out[i] = withoutReferences(text, p.references)
			}
		}
		return out
	}
	return value
}

// referencesIn returns the $(NAME) references in a text. open says that it also has a $( that is no
// reference, which an expression may complete with any name.
func referencesIn(source string) (references []string, open bool) {
	for {
		_, after, found := strings.Cut(source, "$(")
		if !found {
			return references, open
		}
		name, rest, closed := strings.Cut(after, ")")
		if !closed || strings.ContainsFunc(name, func(r rune) bool { return !namedByKubernetes(r) }) {
			source, open = after, true
			continue
		}
		references, source = append(references, "$("+name+")"), rest
	}
}

// namedByKubernetes reports whether the character is usual in names of environment variables.
func namedByKubernetes(r rune) bool {
	return r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// written reports whether a $( in the result may have been written on purpose: the expression has one with an
// arbitrary name, or a value that it reads has one. The pod's fields other than its names always count,
// because the pod's author may also write $( into a string parameter.
func (p *program) written(in *Activation) bool {
	if p.open || p.uses.Each && holds(in.Each) ||
		slices.ContainsFunc(p.uses.Paths, func(path Path) bool { return !path.always() }) {
		return true
	}
	for _, name := range p.uses.Parameters {
		if holds(in.Parameters[name]) {
			return true
		}
	}
	for _, name := range p.uses.Variables {
		if holds(in.Variables[name]) {
			return true
		}
	}
	if p.uses.Cluster {
		for _, text := range in.Cluster {
			if strings.Contains(text, "$(") {
				return true
			}
		}
	}
	return false
}

// holds reports whether a value, or an item of it, contains "$(".
func holds(value any) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, "$(")
	case []any:
		return slices.ContainsFunc(v, holds)
	case map[string]any:
		for _, member := range v {
			if holds(member) {
				return true
			}
		}
	}
	return false
}

// withoutReferences writes $$( for each $( that does not begin one of the references to keep.
func withoutReferences(text string, keep []string) string {
	out := make([]byte, 0, len(text)+8)
	for i := range len(text) {
		if text[i] == '(' && opens(out) && !slices.ContainsFunc(keep, func(reference string) bool { return strings.HasPrefix(text[i-1:], reference) }) {
			out = append(out, '$')
		}
		out = append(out, text[i])
	}
	return string(out)
}
