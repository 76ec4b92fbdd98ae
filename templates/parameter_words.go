package templates

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// illustrate keeps what the template says of the parameter to people: the beginning of the description, and a
// valid value: that of the first example that gives one, else the default. For a list or map it is an item.
func (p *Parameter) illustrate(declared *v1alpha1.Parameter, examples []v1alpha1.Example) {
	if p.pattern == nil && !p.Required {
		return // no message would say it
	}
	const longest = 200
	p.description, _, _ = strings.Cut(firstSentence(strings.TrimSpace(declared.Description)), "; ")
	p.description = message.Cut(strings.TrimSuffix(p.description, "."), longest)
	p.example = exampleOf(p.value)
	for i := range examples {
		given, ok := examples[i].Parameters[p.Name]
		if !ok {
			continue
		}
		text, err := p.TextOf(given.Raw)
		if err != nil {
			continue
		}
		if value, fault := p.parse(text); fault == nil && exampleOf(value) != "" {
			p.example = exampleOf(value)
			return
		}
	}
}

// firstSentence returns a text up to the first point that a capital letter follows: that of "e.g." ends none.
func firstSentence(text string) string {
	for i, r := range text {
		if before, ends := strings.CutSuffix(text[:i], ". "); ends && unicode.IsUpper(r) {
			return before
		}
	}
	return text
}

// exampleOf returns a text, or the first item of a list or map; "" if there is none.
func exampleOf(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case []any:
		if len(v) > 0 {
			return exampleOf(v[0])
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			return exampleOf(v[key])
		}
	}
	return ""
}

// wanted describes one value of the parameter for a message.
func (p *Parameter) wanted() string {
	if p.example == "" {
		return traitsOf(p.Type).wanted
	}
	noun := "text"
	switch p.Type {
	case v1alpha1.TypePath:
		noun = "a path"
	case v1alpha1.TypeURL:
		noun = "a URL"
	case v1alpha1.TypeName:
		noun = "a name"
	}
	return noun + " such as " + message.Word(p.example)
}

// unlike returns the fault of a text that does not match the pattern. It says in words what is wanted, as far
// as the template does; the pattern itself comes last.
func (p *Parameter) unlike(text string) *ParameterFault {
	plain := bare(text)
	if Unfilled(text) == "" && !strings.HasPrefix(plain, "/") && p.pattern.matches("/"+plain) {
		want := "text that begins with /"
		if p.Type == v1alpha1.TypePath {
			want = "an absolute path"
		}
		fault := &ParameterFault{Message: fmt.Sprintf("want %s, got %s", want, message.Quote(text))}
		if plain != "" && !strings.ContainsRune("~.", rune(plain[0])) { // of which nobody can say what they are relative to
			fault.Fix = "write " + message.Word("/"+plain)
		}
		return fault
	}
	want, fix := "text that matches "+message.Quote(p.pattern.text), ""
	switch {
	case p.example != "" && p.Type == v1alpha1.TypePath && path.Clean(text) == "/":
		want = "an absolute path other than /, such as " + message.Word(p.example)
	case p.example != "":
		want = p.wanted()
	case p.description != "":
		want = "text of the form described"
	}
	if p.example != "" || p.description != "" {
		fix = strings.TrimPrefix(p.description+"; its pattern is "+message.Quote(p.pattern.text), "; ")
	}
	switch {
	case Unfilled(text) != "":
		fix = Unfilled(text)
	case plain != text && p.pattern.matches(plain):
		fix = "write " + message.Word(plain)
	}
	return &ParameterFault{Message: fmt.Sprintf("want %s, got %s", want, message.Quote(text)), Fix: fix}
}
