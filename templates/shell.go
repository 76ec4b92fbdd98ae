package templates

import (
	"path"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// checkShell finds parameters' values that become part of the text of a shell
// command: the shell would run whatever the pod's author puts into them.
func (d *document) checkShell() {
	d.template.program.pod.walk(d.shellIn)
	d.template.program.app.walk(d.shellIn)
}

func (d *document) shellIn(n *node) {
	if n.want == nil {
		return
	}
	switch n.want.Type {
	case schema.Container().Type:
		d.shellWords(slices.Concat(words(n.member("command")), words(n.member("args"))), n)
	case "core/v1.ExecAction":
		d.shellWords(words(n.member("command")), nil)
	}
}

// words are the items of a command or args; an expression that gives the whole list is one.
func words(n *node) []*node {
	if n == nil {
		return nil
	}
	if n.form == expressionForm {
		return []*node{n}
	}
	return n.items
}

// shellWords looks for a shell, its -c, and the text after it. container is nil
// for a probe or hook, whose variables Kubernetes does not put into the text.
func (d *document) shellWords(words []*node, container *node) {
	shell, script, argument := false, false, false
	for _, w := range words {
		text, _ := w.value.(string)
		dynamic := w.form != constantForm
		switch {
		case dynamic && (script || shell && isList(w)):
			d.shellText(w)
			if !isList(w) {
				return
			}
		case script:
			d.shellVariables(w, text, container)
			return
		case dynamic:
		case !shell:
			shell = isShell(text)
		case argument:
			argument = false
		case !strings.HasPrefix(text, "-"):
			return // a script file, and what follows are its arguments
		case !strings.HasPrefix(text, "--"):
			script = strings.Contains(text, "c")
			argument = strings.HasSuffix(text, "o") // -o pipefail
		}
	}
}

func isList(n *node) bool { return n.want != nil && n.want.Kind == schema.List }

func isShell(word string) bool {
	return slices.Contains([]string{"sh", "ash", "bash", "dash", "ksh", "mksh", "zsh"}, path.Base(word))
}

func (d *document) shellText(n *node) {
	parameters := n.uses().Parameters
	if len(parameters) == 0 {
		return
	}
	d.add(n.place.line, n.place.column, n.place.at.String(), ShellInjection, SeverityError,
		`pass it as an environment variable and write "$NAME" here`,
		"parameter "+parameters[0]+" becomes part of the text of a shell command")
}

// shellVariables finds $(NAME) in a shell command where NAME is a variable of the
// container with a parameter in it: Kubernetes puts the value into the text before the shell reads it.
func (d *document) shellVariables(script *node, text string, container *node) {
	if container == nil || !strings.Contains(text, "$(") {
		return
	}
	env := container.member("env")
	if env == nil {
		return
	}
	for _, variable := range env.items {
		name, value := variable.member("name"), variable.member("value")
		if name == nil || value == nil {
			continue
		}
		key, _ := name.value.(string)
		parameters := value.uses().Parameters
		if key == "" || len(parameters) == 0 || !strings.Contains(text, "$("+key+")") {
			continue
		}
		d.add(script.place.line, script.place.column, script.place.at.String(), ShellInjection, SeverityError,
			`write "$`+key+`", which the shell does not read as part of the command`,
			"$("+key+") puts parameter "+parameters[0]+" into the text of a shell command")
	}
}

// checkKeys finds labels and annotations that belong to the injector.
func (d *document) checkKeys() {
	metadata := d.template.program.pod.member("metadata")
	for _, field := range []string{"labels", "annotations"} {
		m := metadata.member(field)
		if m == nil {
			continue
		}
		for i := range m.members {
			if key := &m.members[i]; key.key == nil && reservedKey(key.name, "") {
				where := key.value.place
				d.add(where.line, where.column, where.at.String(), ReservedKey, SeverityError,
					"templates may set the annotation sidecar-injector.dev/config.${instance} only",
					"key "+Quote(key.name)+" belongs to sidecar-injector")
			}
		}
	}
}
