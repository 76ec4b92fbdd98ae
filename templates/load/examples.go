package load

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/check"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// checkTemplate runs package check: with the defaults, and with each example. If a part could not be
// compiled, the rest is still checked, but missing values are not reported. If the parameters have errors,
// nothing is rendered.
func checkTemplate(spec *yaml.Node, t *templates.Template, r *report) {
	c := check.New(t, r.kubernetes, r.broken())
	for _, f := range c.Written() {
		r.add(f)
	}
	if slices.ContainsFunc(r.findings, func(f templates.Finding) bool {
		return strings.HasPrefix(f.Path, "spec.parameters") && f.Severity == templates.SeverityError
	}) {
		return
	}
	cases := check.Cases(t, examples(valueAt(spec, "examples"), t, r))
	for i := range cases {
		r.addNew(c.Rendered(&cases[i], r.full()))
	}
}

// examples reads the template's examples, without those that are invalid.
func examples(list *yaml.Node, t *templates.Template, r *report) []check.Example {
	var good []check.Example
	names := map[string]bool{}
	for i, declared := range t.Spec.Examples {
		item := manifest.Resolve(list.Content[i])
		at := specPath().Member("examples").Item(i)
		switch {
		case declared.Name == "":
			r.fault(item, at, templates.MissingField, "", "name is missing")
		case names[declared.Name]:
			r.fault(item, at.Member("name"), templates.DuplicateName, "", "example %s is there twice", message.Quote(declared.Name))
		}
		names[declared.Name] = true
		e := check.Example{Name: declared.Name}
		if example(&e, valueAt(item, "parameters"), item, at, t, r) {
			good = append(good, e)
		}
	}
	return good
}

// example reads the parameters of one example. It returns false if they are invalid.
func example(e *check.Example, values, item *yaml.Node, at *schema.Path, t *templates.Template, r *report) bool {
	e.Texts = map[string]string{}
	before := r.errors
	known := t.ParameterNames()
	for key, value := range manifest.Pairs(values) {
		if r.full() {
			break
		}
		here := at.Member("parameters").Member(key.Value)
		if unquotedKey(key, here, r) {
			continue
		}
		i := slices.Index(known, key.Value)
		if i < 0 {
			hint := "the template has none"
			if len(known) > 0 {
				hint = message.DidYouMean(key.Value, known, "the template has "+message.List(known))
			}
			r.fault(key, here, templates.BadExample, hint, "there is no parameter %s", message.Quote(key.Value))
			continue
		}
		text, err := t.Parameters()[i].TextOf(manifest.JSON(value))
		if err != nil {
			r.fault(value, here, templates.BadExample, t.Parameters()[i].Unquoted(manifest.JSON(value)), "%s", err)
			continue
		}
		e.Texts[key.Value] = text
	}
	if r.errors > before || r.full() {
		return false
	}
	parameters, faults := t.Bind(func(name string) (string, bool) {
		text, ok := e.Texts[name]
		return text, ok
	})
	for _, f := range faults {
		if n := valueAt(values, f.Name); n != nil {
			r.fault(n, at.Member("parameters").Member(f.Name), templates.BadExample, f.Fix, "%s", f.Message)
		} else {
			r.fault(item, at, templates.BadExample, f.Fix, "%s", f.Error())
		}
	}
	e.Parameters = parameters
	return len(faults) == 0
}
