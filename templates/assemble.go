package templates

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// specPath is the path of spec.
func specPath() *schema.Path { return schema.Root("spec") }

// makeTemplate checks the spec and compiles app and pod. The template is complete only if
// nothing was reported.
func (d *document) makeTemplate(n *yaml.Node) {
	spec := d.spec // a copy, lest the template keep the whole document in memory
	t := &Template{
		Name: d.entry.Name, Kind: d.entry.Kind, Namespace: d.entry.Namespace, Origin: d.entry.Origin,
		Spec:          &spec,
		Overrides:     d.overrides(n),
		FailurePolicy: d.failurePolicy(n),
	}
	d.template = t
	d.parameters(n)
	d.supports(n)
	d.match(n)
	t.defaults = defaultsOf(t.parameters)

	declared := make([]expression.Parameter, len(t.parameters))
	for i, p := range t.parameters {
		declared[i] = expression.Parameter{Name: p.name, Type: p.kind}
	}
	c := &compiler{document: d, environment: d.compiler.Environment(declared)}
	t.program = &program{line: t.Origin.Line}
	t.program.app = d.app(n, c)
	if pod := valueAt(n, "pod"); pod != nil {
		t.program.pod = c.section(pod, shape().pod, specPath().Member("pod"))
	}
	t.program.permissions = c.permissions(n)
	t.program.reads = t.program.uses()
	t.program.identity = identity(&d.spec, t.parameters)
	t.renderings = d.renderings
	if valueAt(n, "app") == nil && valueAt(n, "pod") == nil {
		d.report(n, specPath(), MissingField, "say in pod what is added to the pod, in app what its containers get", "spec has neither app nor pod, so it adds nothing")
	}
	t.Revision = revision(&d.spec, t.parameters)
	d.unusedParameters(n)
}

// section compiles app or pod, which must be mappings.
func (c *compiler) section(n *yaml.Node, want *schema.Schema, at *schema.Path) *node {
	n = manifest.Resolve(n)
	if n.Kind != yaml.MappingNode {
		c.report(n, at, WrongType, "", "want a mapping, got a %s", nodeKind(n))
		return nil
	}
	return c.mapping(n, want, at, false)
}

func (d *document) parameters(spec *yaml.Node) {
	t := d.template
	list := valueAt(spec, "parameters")
	at := specPath().Member("parameters")
	names := map[string]bool{}
	for i := range d.spec.Parameters {
		item := manifest.Resolve(list.Content[i])
		declared := &d.spec.Parameters[i]
		if name := scalarAt(item, "name"); declared.Name == "" && parameterName.MatchString(name) {
			declared.Name = name // y without quotes: it has been reported, and expressions mean it
		}
		p, faults := newParameter(declared)
		p.index = i
		for _, f := range faults {
			if d.full() {
				break
			}
			n, path := item, at.Item(i)
			if value := valueAt(item, strings.SplitN(f.field, "[", 2)[0]); value != nil {
				if f.reason == MissingField {
					continue // it is there, of the wrong type, and reported
				}
				n = value
			}
			d.add(n.Line, n.Column, path.String()+"."+f.field, f.reason, SeverityError, f.hint, f.message)
		}
		switch {
		case p.name == "":
			continue
		case names[p.name]:
			d.report(item, at.Item(i).Member("name"), DuplicateName, "", "parameter %s is declared twice", Quote(p.name))
			continue
		}
		names[p.name] = true
		t.parameters = append(t.parameters, p)
		t.parameterNames = append(t.parameterNames, p.name)
	}
}

func (d *document) overrides(spec *yaml.Node) []string {
	n := valueAt(spec, "overrides")
	if n == nil || n.Kind != yaml.SequenceNode {
		return []string{"resources"}
	}
	known := schema.Container().Names()
	at := specPath().Member("overrides")
	seen := map[string]bool{}
	for i, name := range d.spec.Overrides {
		if d.full() {
			break
		}
		item := n.Content[i]
		switch {
		case name == "name" || name == "restartPolicy":
			d.report(item, at.Item(i), FieldNotAllowed, "", "%s cannot be overridden: it decides whose container it is and how it runs", name)
		case !slices.Contains(known, name):
			hint := "want a field of a container"
			if near := Nearest(name, known); near != "" {
				hint = "did you mean " + near + "?"
			}
			d.report(item, at.Item(i), UnknownOverride, hint, "a container has no field %s", Quote(name))
		case seen[name]:
			d.report(item, at.Item(i), DuplicateName, "", "%s is there twice", name)
		}
		seen[name] = true
	}
	return d.spec.Overrides
}

func (d *document) failurePolicy(spec *yaml.Node) v1alpha1.FailurePolicy {
	switch d.spec.FailurePolicy {
	case v1alpha1.Fail, v1alpha1.Ignore:
		return d.spec.FailurePolicy
	case "":
	default:
		d.word(spec, "failurePolicy", string(d.spec.FailurePolicy), string(v1alpha1.Fail), string(v1alpha1.Ignore))
	}
	if d.spec.Match != nil {
		return v1alpha1.Ignore
	}
	return v1alpha1.Fail
}

// word reports a value that is none of the known ones.
func (d *document) word(spec *yaml.Node, field, value string, known ...string) {
	d.report(valueAt(spec, field), specPath().Member(field), BadValue, oneOf(value, known), "%s is not known", Quote(value))
}

func oneOf(value string, known []string) string {
	if near := Nearest(value, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "want " + strings.Join(known, " or ")
}

func (d *document) supports(spec *yaml.Node) {
	known := []string{string(v1alpha1.SupportWindows), string(v1alpha1.SupportHostNetwork)}
	n := valueAt(spec, "supports")
	at := specPath().Member("supports")
	seen := map[v1alpha1.Support]bool{}
	for i, s := range d.spec.Supports {
		if d.full() {
			break
		}
		switch {
		case !slices.Contains(known, string(s)):
			d.report(n.Content[i], at.Item(i), BadValue, oneOf(string(s), known), "%s is not known", Quote(string(s)))
		case seen[s]:
			d.report(n.Content[i], at.Item(i), DuplicateName, "", "%s is there twice", s)
		}
		seen[s] = true
	}
}

func (d *document) match(spec *yaml.Node) {
	n := valueAt(spec, "match")
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	at := specPath().Member("match")
	m := d.spec.Match
	if m == nil || m.PodSelector == nil && m.NamespaceSelector == nil {
		d.report(n, at, BadMatch, "give podSelector or namespaceSelector; podSelector: {} is every pod", "match is empty")
		return
	}
	if selectorSize(m.PodSelector)+selectorSize(m.NamespaceSelector) > maxSelected {
		d.report(n, at, TooLarge, "label the pods or namespaces that are meant, and select that label",
			"match compares with %d values, at most %d are allowed", selectorSize(m.PodSelector)+selectorSize(m.NamespaceSelector), maxSelected)
		return
	}
	d.template.PodSelector = d.selector(n, "podSelector", m.PodSelector)
	d.template.NamespaceSelector = d.selector(n, "namespaceSelector", m.NamespaceSelector)
	declared := valueAt(spec, "parameters")
	for _, p := range d.template.parameters {
		if p.required {
			item := manifest.Resolve(declared.Content[p.index])
			d.report(item, specPath().Member("parameters").Item(p.index), BadMatch, "give it a default instead of required",
				"parameter %s is required, and nobody sets it where the template injects by match", Quote(p.name))
		}
	}
}

// selectorSize is how many keys and values a label is compared with.
func selectorSize(s *metav1.LabelSelector) int {
	if s == nil {
		return 0
	}
	n := len(s.MatchLabels)
	for i := range s.MatchExpressions {
		n += 1 + len(s.MatchExpressions[i].Values)
	}
	return n
}

func (d *document) selector(match *yaml.Node, field string, s *metav1.LabelSelector) labels.Selector {
	if s == nil {
		return labels.Everything()
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		d.report(valueAt(match, field), specPath().Member("match").Member(field), BadMatch, "", "selector cannot be read: %s", err)
		return labels.Everything()
	}
	return selector
}

// app compiles the additions to the app and reads which containers get them.
func (d *document) app(spec *yaml.Node, c *compiler) *node {
	t := d.template
	t.Containers.First = true
	n := valueAt(spec, "app")
	if n == nil {
		return nil
	}
	at := specPath().Member("app")
	if n.Kind != yaml.MappingNode {
		d.report(n, at, WrongType, "", "want a mapping, got a %s", nodeKind(n))
		return nil
	}
	if targets := valueAt(n, "containers"); targets != nil {
		d.targets(targets, at.Member("containers"))
	}
	if init := valueAt(n, "initContainers"); init != nil {
		if init.Kind == yaml.ScalarNode && strings.Contains(init.Value, "${") {
			d.report(init, at.Member("initContainers"), WrongType, "", "want true or false, not an expression")
		} else if value := c.value(init, shape().boolean, at.Member("initContainers")); value != nil {
			t.Containers.InitContainers = value.value == true
		}
	}
	// The two fields are read above and are nothing that a container gets.
	rest := *n
	rest.Content = nil
	for key, value := range manifest.Pairs(n) {
		if key.Value != "containers" && key.Value != "initContainers" {
			rest.Content = append(rest.Content, key, value)
		}
	}
	return c.section(&rest, shape().app, at)
}

func (d *document) targets(n *yaml.Node, at *schema.Path) {
	t := d.template
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "first":
	case n.Kind == yaml.ScalarNode && n.Value == "all":
		t.Containers.First, t.Containers.All = false, true
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		t.Containers.First = false
		seen := map[string]bool{}
		for i, item := range n.Content {
			if d.full() {
				break
			}
			item = manifest.Resolve(item)
			if item.Kind != yaml.ScalarNode || item.Tag != "!!str" || !validContainer(item.Value) {
				d.report(item, at.Item(i), BadName, "names of containers stand as they are, without expressions", "want the name of a container")
				continue
			}
			if seen[item.Value] {
				d.report(item, at.Item(i), DuplicateName, "", "container %s is there twice", Quote(item.Value))
				continue
			}
			seen[item.Value] = true
			t.Containers.Names = append(t.Containers.Names, item.Value)
		}
	default:
		hint := "want first, all, or a list of names"
		if n.Kind == yaml.ScalarNode && validContainer(n.Value) {
			hint = "want first, all, or a list: [" + n.Value + "]"
		}
		d.report(n, at, BadValue, hint, "containers does not say which")
	}
}

// validContainer says whether a text can be the name of a container.
func validContainer(name string) bool { return len(name) <= 63 && templateName.MatchString(name) }

func (d *document) unusedParameters(spec *yaml.Node) {
	if d.broken() {
		return
	}
	used := slices.Concat(d.template.program.reads.Parameters, d.template.program.permissions.uses().Parameters)
	declared := valueAt(spec, "parameters")
	for _, p := range d.template.parameters {
		if !slices.Contains(used, p.name) {
			item := manifest.Resolve(declared.Content[p.index])
			d.warn(item, specPath().Member("parameters").Item(p.index), UnusedParameter, "", "no expression reads parameter %s", Quote(p.name))
		}
	}
}
