package check

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// variables are those of a container. values holds their values by name, with marks; folded maps the
// lower-case name to the name, because the Windows command prompt ignores case.
type variables struct {
	values, folded map[string]string
}

// longestValue is the maximum length in bytes of a variable's value; a longer one is replaced by its mark. It
// is long enough for the name of a shell and its options, and keeps texts from growing.
const longestValue = 64

// longestText is the maximum length in bytes of a text after expansion; a longer one is replaced by its mark.
const longestText = 1 << 14

func (c *shellCheck) variables(env []*program.Node) variables {
	v := variables{values: map[string]string{}, folded: map[string]string{}}
	for _, item := range env {
		for _, name := range c.alternatives(item.Member("name")) {
			// If a name has several values, or several variables have one name, their values are
			// concatenated: a mark in any of them then counts.
			value := v.values[name]
			for _, text := range c.alternatives(item.Member("value")) {
				if value += v.expand(text); len(value) > longestValue {
					value = marksOf(value)
				}
			}
			v.values[name] = value
			v.folded[strings.ToLower(name)] = name
		}
	}
	return v
}

func (c *shellCheck) alternatives(n *program.Node) []string {
	switch {
	case n == nil:
		return nil
	case n.Form == program.ExpressionForm:
		return c.texts(n, c.outline(n))
	}
	text, _ := n.Value.(string)
	return []string{text}
}

// expand replaces $(NAME) as Kubernetes does: only defined variables are replaced, and $$( becomes $(.
func (v variables) expand(text string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = after
		if b.Len() > longestText {
			marks := marksOf(b.String())
			b.Reset()
			b.WriteString(marks)
		}
		switch {
		case strings.HasPrefix(text, "$"):
			text = text[1:]
		case strings.HasPrefix(text, "("):
			name, _, closed := strings.Cut(text[1:min(len(text), 256)], ")")
			if value, there := v.values[name]; closed && there {
				b.WriteString(value)
				text = text[len(name)+2:]
				continue
			}
		}
		b.WriteByte('$')
	}
}

// references returns, by name, the variables that are substituted into the text before a shell reads it, each
// with the reference as written, such as %NAME%.
func (v variables) references(text string, family shellFamily) map[string]string {
	found := map[string]string{}
	if family == commandPrompt { // which replaces %NAME% first, as Kubernetes does $(NAME)
		parts := strings.Split(strings.ToLower(text), "%")
		for i := 1; i < len(parts)-1; i++ {
			if name, there := v.folded[parts[i]]; there {
				found[name] = "%" + name + "%"
			}
		}
	}
	for {
		before, after, opened := strings.Cut(text, "$(")
		name, _, closed := strings.Cut(after[:min(len(after), 256)], ")")
		if !opened {
			return found
		}
		if _, there := v.values[name]; closed && there && !strings.HasSuffix(before, "$") {
			found[name] = "$(" + name + ")"
		}
		text = after
	}
}
