package templates

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// checkTemplate looks at what the template would add: with the defaults, and with
// each example. Where a part could not be compiled, the rest is still looked at, but
// nothing is said to be missing; without sound parameters there is nothing to render with.
func (d *document) checkTemplate(spec *yaml.Node) {
	d.incomplete = d.broken()
	d.checkShell()
	d.checkKeys()
	if slices.ContainsFunc(d.findings, func(f Finding) bool {
		return strings.HasPrefix(f.Path, "spec.parameters") && f.Severity == SeverityError
	}) {
		return
	}
	examples := d.examples(spec)
	if defaults, made, ok := d.sampleParameters(examples); ok {
		d.checkRendering(defaults, made, "")
	}
	for _, e := range examples {
		d.checkRendering(e.parameters, nil, e.name)
	}
}

// example is one of the template's, checked.
type example struct {
	name       string
	texts      map[string]string
	parameters Parameters
}

// examples checks them and leaves out those with faults.
func (d *document) examples(spec *yaml.Node) []example {
	var good []example
	list := valueAt(spec, "examples")
	names := map[string]bool{}
	for i := range d.spec.Examples {
		declared := &d.spec.Examples[i]
		item := manifest.Resolve(list.Content[i])
		at := specPath().Member("examples").Item(i)
		switch {
		case declared.Name == "":
			d.report(item, at, MissingField, "", "name is missing")
		case names[declared.Name]:
			d.report(item, at.Member("name"), DuplicateName, "", "example %s is there twice", Quote(declared.Name))
		}
		names[declared.Name] = true
		if e, ok := d.example(item, at, i); ok {
			good = append(good, e)
		}
	}
	return good
}

func (d *document) example(item *yaml.Node, at *schema.Path, index int) (example, bool) {
	declared := &d.spec.Examples[index]
	e := example{name: declared.Name, texts: map[string]string{}}
	values := valueAt(item, "parameters")
	before := d.errors
	for key, value := range manifest.Pairs(values) {
		if d.full() {
			break
		}
		here := at.Member("parameters").Member(key.Value)
		if d.unquotedKey(key, here) {
			continue
		}
		i := slices.Index(d.template.parameterNames, key.Value)
		if i < 0 {
			hint := "the template has " + list(d.template.parameterNames)
			if near := Nearest(key.Value, d.template.parameterNames); near != "" {
				hint = "did you mean " + shown(near) + "?"
			} else if len(d.template.parameterNames) == 0 {
				hint = "the template has none"
			}
			d.report(key, here, BadExample, hint, "there is no parameter %s", Quote(key.Value))
			continue
		}
		text, err := d.template.parameters[i].textOf(manifest.JSON(value))
		if err != nil {
			d.report(value, here, BadExample, "", "%s", err)
			continue
		}
		e.texts[key.Value] = text
	}
	if d.errors > before || d.full() {
		return e, false
	}
	parameters, faults := d.template.Bind(func(name string) (string, bool) {
		text, ok := e.texts[name]
		return text, ok
	})
	for _, f := range faults {
		if n := valueAt(values, f.Name); n != nil {
			d.report(n, at.Member("parameters").Member(f.Name), BadExample, f.Fix, "%s", f.Message)
		} else {
			d.report(item, at, BadExample, f.Fix, "%s", f.Error())
		}
	}
	e.parameters = parameters
	return e, len(faults) == 0
}

// sampleParameters are the defaults; a required parameter takes its value from
// the first example that has one, or one is made up: made holds the names of those. It is false
// where none can be made up.
func (d *document) sampleParameters(examples []example) (_ Parameters, made []string, ok bool) {
	texts := map[string]string{}
	for _, p := range d.template.parameters {
		if !p.required {
			continue
		}
		i := slices.IndexFunc(examples, func(e example) bool { return e.texts[p.name] != "" })
		if i >= 0 {
			texts[p.name] = examples[i].texts[p.name]
			continue
		}
		text, found := p.synthesise()
		if !found {
			return Parameters{}, nil, false
		}
		texts[p.name] = text
		made = append(made, p.name)
	}
	parameters, faults := d.template.Bind(func(name string) (string, bool) {
		text, given := texts[name]
		return text, given
	})
	return parameters, made, len(faults) == 0
}

// checkRendering renders with some parameters, as native sidecars and, if that makes a
// difference, as regular containers, and checks the results. What was found before is not repeated.
func (d *document) checkRendering(p Parameters, made []string, example string) {
	with := ""
	if example != "" {
		with = " in example " + Quote(example)
	}
	in := d.template.sampleInput(p)
	in.Native = true
	d.checkInput(in, made, with)
	if d.template.program.reads.Native {
		in.Native = false
		d.checkInput(in, made, with+" in container mode")
	}
}

// maxLoadWork bounds the expressions of all renderings of one load together: the work of ten
// renderings of the dearest template, or 250 of the dearest built-in one. About a second.
const maxLoadWork = 10 * expression.RenderingLimit

func (d *document) checkInput(in *Input, made []string, with string) {
	if d.work > maxLoadWork {
		return
	}
	r := rendering{
		program:    d.template.program,
		origin:     d.template.Origin,
		activation: activate(in),
		trace:      &trace{places: map[string]place{}, nodes: map[place]*node{}},
	}
	c := &resultCheck{document: d, trace: r.trace, with: with}
	out, err := r.run()
	var needs []any
	if err == nil {
		needs, err = r.needs()
	}
	if d.work += r.budget.Spent(); d.work > maxLoadWork {
		d.report(nil, specPath().Member("examples"), ExpressionCost, "drop examples or make the expressions cheaper",
			"the expressions of all renderings, one for each example, take more than %d units of work", maxLoadWork)
	}
	c.incomplete = d.incomplete || len(r.trace.failed) > 0
	for _, f := range r.trace.failed {
		c.failure(f, made)
	}
	var fault *RenderError
	switch {
	case errors.As(err, &fault):
		c.add(fault.Line, fault.Column, fault.Path, BadValue, SeverityError, "", fault.Message)
	case err != nil:
		c.add(0, 0, "", BadValue, SeverityError, "", err.Error())
	default:
		c.result(out)
		c.permissions(needs)
	}
}

// failure reports an expression that could not be evaluated: an error if no pod can make
// it work, a warning if it counts on something that the sample pod lacks.
func (c *resultCheck) failure(f traceFailure, made []string) {
	uses := f.node.reads()
	if slices.ContainsFunc(made, func(name string) bool { return slices.Contains(uses.Parameters, name) }) {
		return // with the real value it may well work
	}
	reason, hint := ExpressionFailed, ""
	var e *expression.Error
	if errors.As(f.err, &e) {
		reason, hint = FindingReason(e.Reason), e.Hint
	} else if fault := (*schema.Fault)(nil); errors.As(f.err, &fault) {
		reason, hint = FindingReason(fault.Reason), fault.Hint
	}
	severity, message := SeverityError, f.err.Error()
	// What takes too much work for the smallest pod does so for every pod.
	if uses.MayBeAbsent() && reason != ExpressionCost {
		severity = SeverityWarning
		message = "fails for a pod that has only a name and one container: " + message
		if hint == "" {
			hint = "read what may be absent with ? and orValue"
		}
	}
	c.add(f.node.place.line, f.node.place.column, f.node.place.at.String(), reason, severity, hint, message)
}

// resultCheck reports what is wrong with one rendering, at the places in the
// template that it came from.
type resultCheck struct {
	*document
	trace *trace
	with  string // " in example …", or ""
	// incomplete says that something was dropped and has been reported: what is
	// missing then says nothing.
	incomplete bool
}

// add leaves out what an earlier rendering found at the same place.
func (c *resultCheck) add(line, column int, path string, reason FindingReason, severity Severity, hint, message string) {
	if severity == SeverityError && c.full() || severity == SeverityWarning && c.warnings > maxFindings {
		return // there are more than are told
	}
	if path = cut(path, maxPath); c.file == "" {
		line, column = 0, 0 // as in the finding
	}
	for i := range c.findings {
		f := &c.findings[i]
		if f.Line == line && f.Column == column && f.Path == path && f.Reason == reason {
			return
		}
	}
	c.document.add(line, column, path, reason, severity, hint, message+c.with)
}

// fault reports an error at a path of the result.
func (c *resultCheck) fault(at *schema.Path, reason FindingReason, hint, format string, args ...any) {
	c.finding(SeverityError, at, reason, hint, fmt.Sprintf(format, args...))
}

func (c *resultCheck) finding(severity Severity, at *schema.Path, reason FindingReason, hint, message string) {
	where := c.placeOf(at)
	c.add(where.line, where.column, where.at.String(), reason, severity, hint, message)
}

// placeOf is where in the template a value of the result came from, or what holds it.
func (c *resultCheck) placeOf(at *schema.Path) place {
	for path := at.String(); path != ""; {
		if where, ok := c.trace.places[path]; ok {
			return where
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return place{at: at}
}
