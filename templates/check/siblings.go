package check

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// siblings warns of a $position beside a container that no part of the template is called, but that one of its
// containers nearly is. Other names are those of the pod's or of other templates' containers, which nobody knows
// here. Names are compared as they are written.
func siblings(s *Sample) []templates.Finding {
	var items []*program.Item
	names := map[string]bool{}
	for _, n := range s.Template.Program().Containers() {
		items = append(items, n.Item)
		names[n.Item.Name] = true
	}
	var found found
	strangers := 0
	for _, item := range items {
		for _, p := range item.Position {
			kind, name, beside := strings.Cut(textOf(p), ":")
			if !beside || names[name] {
				continue
			}
			if strangers++; strangers > templates.MaxFindings { // a search through all names for each of many would take long
				return found.list
			}
			if i := slices.IndexFunc(items, func(o *program.Item) bool { return slip(name, o.Name) }); i >= 0 {
				found.add(templates.SeverityWarning, p.Place, templates.BadPosition, "did you mean "+kind+":"+message.Bare(items[i].Name)+"?",
					"no container of the template is called "+message.Quote(name))
			}
		}
	}
	return found.list
}

// textOf returns the text of a scalar, with its expressions.
func textOf(n *program.Node) string {
	if n.Expression != nil {
		return n.Expression.Source()
	}
	text, _ := n.Value.(string)
	return text
}

// slip reports whether two names differ by one slip of the hand: a letter that is missing, too many, another or in
// the wrong place. A single letter between other characters may be a name of its own, as a digit may.
func slip(a, b string) bool {
	const shortest = 5
	if len(a) < shortest || len(b) < shortest {
		return false
	}
	start := 0
	for start < min(len(a), len(b)) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < min(len(a), len(b))-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	mine, other := a[start:len(a)-end], b[start:len(b)-end]
	if strings.ContainsFunc(mine+other, func(r rune) bool { return !unicode.IsLetter(r) && r != '-' }) {
		return false
	}
	switch {
	case len(mine)+len(other) == 1:
		return true
	case len(mine) == 1 && len(other) == 1:
		return start > 0 && letter(a[start-1]) || end > 0 && letter(a[len(a)-end])
	}
	return len(mine) == 2 && len(other) == 2 && mine[0] == other[1] && mine[1] == other[0]
}

func letter(b byte) bool { return b >= 'a' && b <= 'z' }
