package cases

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// compile compiles an assertion's expression; n is the scalar that holds it, for places of errors.
func (c *Case) compile(a *Assertion, n *yaml.Node) error {
	compiled, fault := expression.NewCompiler().Environment(nil).OnlyPod().Compile(expression.Whole(a.Expression), schema.NewScalar(schema.Boolean))
	if fault == nil && compiled.Optional() {
		fault = &expression.Error{Message: "the expression is optional", Hint: "use .orValue(false)"}
	}
	if fault != nil {
		line, column, excerpt := load.Locate(c.spec.data, n, fault.Offset)
		return &manifest.Error{File: c.spec.file, Line: line, Column: column, Message: "expression: " + fault.Message + "\n" + excerpt, Hint: fault.Hint}
	}
	a.compiled = compiled
	return nil
}

// checkPath returns an error if no pod can have a value at a path; n is the scalar that holds it.
func (c *Case) checkPath(path string, n *yaml.Node) error {
	at := schema.Pod()
	for _, token := range manifest.Tokens(path) {
		switch at.Kind {
		case schema.Any:
			return nil
		case schema.List:
			if _, ok := at.Elem.Field(token); ok && !strings.Contains(path, "["+token+"]") {
				return c.spec.at(n, "path: "+message.Brief(token)+" is of the items of a list, and none is chosen", "write its name or index: [NAME]."+token)
			}
			if token == "*" || strings.HasPrefix(token, "-") || strings.ContainsAny(token, "=?@") {
				return c.spec.at(n, "path: "+message.Brief(token)+" is neither the name nor the index of an item", "write one of them: [NAME]; for more, write an expression")
			}
			at = at.Elem // which may have any name
		case schema.Map:
			at = at.Elem
		case schema.Object:
			field, ok := at.Field(token)
			if !ok {
				return c.spec.at(n, "path: field "+message.Brief(token)+" is unknown in "+at.Type, cmp.Or(at.HintFor(token), at.FieldsHint()))
			}
			at = field.Schema
		default:
			return c.spec.at(n, "path: there is nothing below a "+at.Type+": "+message.Brief(token), `a key with dots stands in brackets: metadata.labels["example.com/team"]`)
		}
	}
	return nil
}

// check returns what a pod that does not fulfil the assertion has instead; "" if it fulfils it.
func (a *Assertion) check(after program.Object, namespace expression.Activation) string {
	if a.compiled != nil {
		return a.evaluate(after, namespace)
	}
	value, found := at(after, manifest.Tokens(a.Path))
	want, fulfilled := "a value", found
	switch {
	case a.Absent:
		want, fulfilled = "nothing", !found
	case a.Equal != nil:
		wanted, err := program.ValueFromJSON(a.Equal.Raw)
		if err != nil {
			return fmt.Sprintf("%s: %v", a.Path, err)
		}
		want, fulfilled = shown(wanted), found && equal(wanted, value)
	}
	got := "nothing"
	switch {
	case fulfilled:
		return ""
	case found:
		got = shown(value)
	}
	return fmt.Sprintf("%s: want %s, got %s", a.Path, want, got)
}

func (a *Assertion) evaluate(after program.Object, in expression.Activation) string {
	in.Pod = Pod(after.Map())
	value, _, err := a.compiled.Evaluate(&in, &expression.Budget{})
	written := strings.TrimSpace(a.Expression)
	switch {
	case err != nil:
		return fmt.Sprintf("%s: want true, got an error: %v", written, err)
	case value != true:
		return written + ": want true, got false"
	}
	return ""
}

// Pod is a decoded pod for expressions.
type Pod map[string]any

// PodOf decodes a pod's JSON; namespace is set in a pod that has none.
func PodOf(data []byte, namespace string) (Pod, error) {
	object, err := program.ObjectFromJSON(data)
	if err != nil {
		return nil, err
	}
	p := Pod(object.Map())
	metadata, ok := p["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		p["metadata"] = metadata
	}
	if p.Namespace() == "" {
		metadata["namespace"] = namespace
	}
	return p, nil
}

// Name implements expression.Pod.
func (p Pod) Name() string { return p.metadata("name") }

// Namespace implements expression.Pod.
func (p Pod) Namespace() string { return p.metadata("namespace") }

// Object implements expression.Pod.
func (p Pod) Object() (map[string]any, error) { return p, nil }

func (p Pod) metadata(name string) string {
	metadata, _ := p["metadata"].(map[string]any)
	text, _ := metadata[name].(string)
	return text
}

// Container returns the container of that name, or the first one if name is ""; nil if there is none.
func (p Pod) Container(name string) expression.App {
	spec, _ := p["spec"].(map[string]any)
	list, _ := spec["containers"].([]any)
	for _, item := range list {
		if c, ok := item.(map[string]any); ok && (name == "" || c["name"] == name) {
			return container(c)
		}
	}
	return nil
}

// container is a decoded container for expressions.
type container map[string]any

// Name implements expression.App.
func (c container) Name() string { name, _ := c["name"].(string); return name }

// Object implements expression.App.
func (c container) Object() (map[string]any, error) { return c, nil }

// at returns the value at a path of tokens; items of lists are selected by index or name.
func at(value any, tokens []string) (any, bool) {
	for _, token := range tokens {
		switch v := value.(type) {
		case program.Object:
			member, ok := v.Get(token)
			if !ok {
				return nil, false
			}
			value = member
		case []any:
			item, ok := item(v, token)
			if !ok {
				return nil, false
			}
			value = item
		default:
			return nil, false
		}
	}
	return value, value != nil
}

func item(list []any, token string) (any, bool) {
	for _, v := range list {
		if o, ok := v.(program.Object); ok && o.Text("name") == token {
			return v, true
		}
	}
	if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(list) {
		return list[i], true
	}
	return nil, false
}

// equal reports whether two values are equal, regardless of the order of members; null equals an absent
// member.
func equal(a, b any) bool {
	switch a := a.(type) {
	case program.Object:
		b, ok := b.(program.Object)
		return ok && covers(a, b) && covers(b, a)
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !equal(a[i], b[i]) {
				return false
			}
		}
		return true
	}
	return a == b
}

func covers(a, b program.Object) bool {
	for _, m := range a {
		if other, _ := b.Get(m.Name); !equal(m.Value, other) {
			return false
		}
	}
	return true
}

// longestShown is the longest value, in bytes, that a failure shows in full.
const longestShown = 400

func shown(value any) string {
	return message.Cut(string(program.AppendJSON(nil, value)), longestShown)
}
