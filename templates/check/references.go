package check

import (
	"regexp"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// references warns of a $(NAME) in the command, the arguments or the variables of a container that none of its
// variables is called, or, in a variable, none before it: Kubernetes leaves it as it is, without a word.
//
// It looks at texts without expressions, of one line, and at names in capital letters: others may be those of a
// shell's command, or of a file for a program that replaces them itself. A container whose names of variables are not
// all written in the template is skipped, and so are variables that others add.
func references(s *Sample) []templates.Finding {
	var found found
	if slices.Contains(s.Template.Overrides, "env") || slices.Contains(s.Template.Overrides, "envFrom") {
		return nil
	}
	for _, container := range s.Template.Program().Containers() {
		referencesOf(container, &found)
	}
	return found.list
}

func referencesOf(container *program.Node, found *found) {
	env := items(container.Member("env"))
	names, first := make([]string, len(env)), make(map[string]int, len(env)) // first is the number of the first of a name
	for i, variable := range slices.Backward(env) {
		if names[i] = constant(variable.Member("name")); names[i] == "" {
			return
		}
		first[names[i]] = i
	}
	if container.Member("envFrom") != nil {
		return
	}
	for i, variable := range env {
		unresolved(variable.Member("value"), names, first, i, found)
	}
	for _, list := range []string{"command", "args"} {
		for _, word := range items(container.Member(list)) {
			unresolved(word, names, first, len(env), found)
		}
	}
}

// constant returns the text of a node; "" if it is something else.
func constant(n *program.Node) string {
	if n == nil || n.Form != program.ConstantForm {
		return ""
	}
	text, _ := n.Value.(string)
	return text
}

var (
	// reference matches $(NAME) with the dollars before it, of which each two stand for one.
	reference = regexp.MustCompile(`(\$+)\(([A-Z_][A-Z0-9_]*)\)`)
	// ofOthers matches the variables that Kubernetes makes of Services, and those that the webhooks of clouds add.
	ofOthers = regexp.MustCompile(`_SERVICE_HOST$|_(SERVICE_)?PORT(_|$)|^(AWS|AZURE|GOOGLE)_`)
)

// unresolved reports the first reference in a text to a variable that is none of the first known ones.
func unresolved(n *program.Node, names []string, first map[string]int, known int, found *found) {
	text := constant(n)
	if !strings.Contains(text, "$(") || strings.Contains(text, "\n") || found.full() {
		return
	}
	for _, parts := range reference.FindAllStringSubmatch(text, -1) {
		name := parts[2]
		number, there := first[name]
		if len(parts[1])%2 == 0 || there && number < known || ofOthers.MatchString(name) {
			continue
		}
		what, hint := "the container has no such variable", "declare it in env, or write $$("+name+") where it is to stay"
		if there && number == known {
			what, hint = "a variable does not hold itself", "give it another name: what the image sets is not known here"
		} else if there {
			what, hint = "the variable is declared below it", "declare it before: Kubernetes reads variables in their order"
		} else if near := message.Nearest(name, names); near != "" {
			hint = "did you mean $(" + near + ")?"
		}
		found.add(templates.SeverityWarning, n.Place, templates.BadValue, hint, message.Quote("$("+name+")")+" stands in the container as it is here: "+what)
		return
	}
}
