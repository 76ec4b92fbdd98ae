package expression

import (
	"slices"
	"strings"
)

// Kubernetes replaces $(NAME) in commands, arguments and variables by a variable's value,
// and takes $$( for a plain $(. A template's author may write $(NAME), and whoever sets a
// parameter of type string may, too; no other value holds it. But /x$ beside (TOKEN) makes one
// that nobody wrote: wherever values meet, its $ is doubled.

// meet writes $ once more where a text that ends with $ is followed, from start on, by
// one that begins with a bracket, so that Kubernetes takes both as they are.
func meet(text []byte, start int) []byte {
	if start == 0 || start == len(text) || text[start] != '(' || !opens(text[:start]) {
		return text
	}
	return slices.Insert(text, start, '$')
}

// Meet is one text behind the other, in which no $( comes about where they meet.
func Meet(left, right string) string {
	return string(meet(append([]byte(left), right...), len(left)))
}

// opens says whether a $( would begin at the end of a text: whether it ends with a $ that is not
// itself the second of a pair.
func opens(text []byte) bool {
	dollars := 0
	for dollars < len(text) && text[len(text)-1-dollars] == '$' {
		dollars++
	}
	return dollars%2 == 1
}

// apart doubles the $ of each $( in what an expression made, unless somebody may have written
// it: the template's author within the expression, or whoever gave what it reads.
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
		out := slices.Clone(v) // the list may be a parameter's own
		for i, item := range out {
			if text, ok := item.(string); ok {
				out[i] = withoutReferences(text, p.references)
			}
		}
		return out
	}
	return value
}

// referencesIn gives the $(NAME) that a text holds, and whether it also has a $( that is not one, to
// which an expression may add what it likes.
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

// namedByKubernetes says whether names of variables usually have the character.
func namedByKubernetes(r rune) bool {
	return r == '_' || r == '-' || r == '.' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z'
}

// written says whether a $( with a name of any kind stands in the expression, or one in a value that it reads. What it
// reads of the pod beside names belongs to whoever may write $( into a string parameter as well.
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

// holds says whether a value, or an item of it, has a $(.
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
