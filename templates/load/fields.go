package load

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// parameters reads the template's parameters. Those without a name, and all but the first of a name, are
// reported and left out.
func parameters(spec *yaml.Node, declarations []v1alpha1.Parameter, r *report) []*templates.Parameter {
	var all []*templates.Parameter
	list := valueAt(spec, "parameters")
	at := specPath().Member("parameters")
	names := map[string]bool{}
	for i := range declarations {
		item := manifest.Resolve(list.Content[i])
		declared := &declarations[i]
		if name := scalarAt(item, "name"); declared.Name == "" && templates.ValidParameter(name) {
			declared.Name = name // an unquoted y: it has been reported, and expressions refer to it
		}
		p, findings := templates.NewParameter(declared)
		p.Index = i
		for _, f := range findings {
			if r.full() {
				break
			}
			n := item
			if value := valueAt(item, strings.SplitN(f.Path, "[", 2)[0]); value != nil {
				if f.Reason == templates.MissingField {
					continue // it exists with the wrong type, which is reported
				}
				n = value
			}
			f.Line, f.Column, f.Path = n.Line, n.Column, at.Item(i).String()+"."+f.Path
			r.add(f)
		}
		switch {
		case p.Name == "":
			continue
		case names[p.Name]:
			r.fault(item, at.Item(i).Member("name"), templates.DuplicateName, "", "parameter %s is declared twice", message.Quote(p.Name))
			continue
		}
		names[p.Name] = true
		all = append(all, p)
	}
	return all
}

// unused warns about parameters that are never read.
func unused(spec *yaml.Node, declared []*templates.Parameter, p *program.Program, r *report) {
	if r.broken() {
		return
	}
	used := slices.Concat(p.Reads.Parameters, p.Permissions.Uses().Parameters)
	list := valueAt(spec, "parameters")
	for _, p := range declared {
		if !slices.Contains(used, p.Name) {
			r.warn(manifest.Resolve(list.Content[p.Index]), specPath().Member("parameters").Item(p.Index), templates.UnusedParameter, "no expression reads parameter "+message.Quote(p.Name))
		}
	}
}

// overrides returns the container fields that an annotation may set.
func overrides(n *yaml.Node, given []string, r *report) []string {
	if n == nil || n.Kind != yaml.SequenceNode {
		return []string{"resources"}
	}
	known := schema.Container().Names()
	at := specPath().Member("overrides")
	seen := map[string]bool{}
	for i, name := range given {
		if r.full() {
			break
		}
		item := n.Content[i]
		switch {
		case name == "name" || name == "restartPolicy":
			r.fault(item, at.Item(i), templates.FieldNotAllowed, "", "%s cannot be overridden: it decides whose container it is and how it runs", name)
		case !slices.Contains(known, name):
			r.fault(item, at.Item(i), templates.UnknownOverride, message.DidYouMean(strings.SplitN(name, ".", 2)[0], known, "want a field of a container"), "a container has no field %s", message.Quote(name))
		case seen[name]:
			r.fault(item, at.Item(i), templates.DuplicateName, "", "%s is there twice", name)
		}
		seen[name] = true
	}
	return given
}

func failurePolicy(spec *yaml.Node, s *v1alpha1.SidecarTemplateSpec, r *report) v1alpha1.FailurePolicy {
	switch s.FailurePolicy {
	case v1alpha1.Fail, v1alpha1.Ignore:
		return s.FailurePolicy
	case "":
	default:
		unknown(valueAt(spec, "failurePolicy"), specPath().Member("failurePolicy"), string(s.FailurePolicy), []string{string(v1alpha1.Fail), string(v1alpha1.Ignore)}, r)
	}
	if s.Match != nil {
		return v1alpha1.Ignore
	}
	return v1alpha1.Fail
}

// unknown reports a value that is not one of the known ones.
func unknown(n *yaml.Node, at *schema.Path, word string, known []string, r *report) {
	r.fault(n, at, templates.BadValue, message.DidYouMean(word, known, "want "+strings.Join(known, " or ")), "%s is not known", message.Quote(word))
}

func supports(n *yaml.Node, given []v1alpha1.Support, r *report) {
	known := []string{string(v1alpha1.SupportWindows), string(v1alpha1.SupportHostNetwork)}
	at := specPath().Member("supports")
	seen := map[v1alpha1.Support]bool{}
	for i, s := range given {
		if r.full() {
			break
		}
		switch {
		case !slices.Contains(known, string(s)):
			unknown(n.Content[i], at.Item(i), string(s), known, r)
		case seen[s]:
			r.fault(n.Content[i], at.Item(i), templates.DuplicateName, "", "%s is there twice", s)
		}
		seen[s] = true
	}
}

// targets reads which containers of the app the template applies to.
func targets(app *yaml.Node, c *compiler) templates.Targets {
	t := templates.Targets{First: true}
	if app == nil || app.Kind != yaml.MappingNode {
		return t
	}
	at := specPath().Member("app")
	if n := valueAt(app, "containers"); n != nil {
		t = containers(n, at.Member("containers"), c.report)
	}
	for field, into := range map[string]*bool{"initContainers": &t.InitContainers, "sidecars": &t.Sidecars} {
		n := valueAt(app, field)
		if n == nil {
			continue
		}
		if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
			c.report.fault(n, at.Member(field), templates.WrongType, "", "want true or false, not an expression")
		} else if value := c.value(n, shape.Template().Boolean, at.Member(field)); value != nil {
			*into = value.Value == true
		}
	}
	return t
}

func containers(n *yaml.Node, at *schema.Path, r *report) templates.Targets {
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "first":
	case n.Kind == yaml.ScalarNode && n.Value == "all":
		return templates.Targets{All: true}
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		return chosen(containerNames(n, at, r), n, at, r)
	case n.Kind == yaml.ScalarNode && strings.HasPrefix(n.Value, "all,"):
		var names []string
		for name := range strings.SplitSeq(n.Value, ",") {
			names = append(names, strings.TrimSpace(name))
		}
		if slices.ContainsFunc(names, func(name string) bool { return !program.ValidContainer(strings.TrimPrefix(name, "-")) }) {
			r.fault(n, at, templates.BadName, `write "all, -nginx"`, "%s names what cannot be a container", message.Quote(n.Value))
			return templates.Targets{All: true}
		}
		return chosen(names, n, at, r)
	default:
		hint := `want first, all, "all, -nginx", or a list of names`
		if n.Kind == yaml.ScalarNode && program.ValidContainer(n.Value) {
			hint = "want first, all, or a list: [" + n.Value + "]"
		} else if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${") {
			hint += ", without expressions; a pod names others by the annotation INSTANCE.sidecar-injector.dev/containers"
		}
		r.fault(n, at, templates.BadValue, hint, "containers does not say which")
	}
	return templates.Targets{First: true}
}

// chosen returns the targets for a list of names, or for "all" without the names that begin with a hyphen.
func chosen(names []string, n *yaml.Node, at *schema.Path, r *report) templates.Targets {
	t := templates.Targets{All: slices.Contains(names, "all")}
	for _, name := range names {
		skipped, skip := strings.CutPrefix(name, "-")
		switch {
		case skip && t.All:
			t.Skip = append(t.Skip, skipped)
		case skip:
			r.fault(n, at, templates.BadValue, `write "all, `+name+`"`, "%s leaves a container out, which is possible of all only", message.Quote(name))
		case t.All && name != "all":
			r.fault(n, at, templates.BadValue, "a hyphen before the name leaves it out", "all has container %s already", message.Quote(name))
		case !t.All:
			t.Names = append(t.Names, name)
		}
	}
	return t
}

func containerNames(n *yaml.Node, at *schema.Path, r *report) []string {
	var names []string
	seen := map[string]bool{}
	for i, item := range n.Content {
		if r.full() {
			break
		}
		item = manifest.Resolve(item)
		switch {
		case item.Kind != yaml.ScalarNode || item.Tag != "!!str" || !program.ValidContainer(strings.TrimPrefix(item.Value, "-")):
			hint := "names of containers stand as they are, without expressions"
			if item.Value == "*" {
				hint = "write containers: all"
			}
			r.fault(item, at.Item(i), templates.BadName, hint, "want the name of a container")
			continue
		case seen[item.Value]:
			r.fault(item, at.Item(i), templates.DuplicateName, "", "container %s is there twice", message.Quote(item.Value))
			continue
		}
		seen[item.Value] = true
		names = append(names, item.Value)
	}
	return names
}
