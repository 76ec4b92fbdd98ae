package templates

import (
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// everyNamespace stands for all namespaces in a permission.
const everyNamespace = "*"

// Permissions are the rights that the pod's service account needs for this instance to
// work; nil where it needs none. They change nothing in the pod, so they count neither
// in the revision nor in what Render gives. Cost is what the expressions took, also where they
// failed, in CEL's units of work. The error is always a *RenderError.
func (t *Template) Permissions(in *Input) (out []v1alpha1.Permission, cost uint64, err error) {
	defer t.containRender(&err)
	if t.program.permissions == nil {
		return nil, 0, nil
	}
	r := rendering{program: t.program, origin: t.Origin, activation: activate(in)}
	items, err := r.needs()
	if err != nil {
		return nil, r.budget.Spent(), err
	}
	for _, item := range items {
		o, _ := item.(Object)
		out = append(out, v1alpha1.Permission{
			APIGroups:     textsOf(o, "apiGroups"),
			Resources:     textsOf(o, "resources"),
			ResourceNames: textsOf(o, "resourceNames"),
			Verbs:         textsOf(o, "verbs"),
			Namespaces:    textsOf(o, "namespaces"),
		})
	}
	return out, r.budget.Spent(), nil
}

// UsualPermissions are those of an instance without parameters of its own, for people
// who look at the template; nil where they depend on more than that.
func (t *Template) UsualPermissions() []v1alpha1.Permission {
	in := t.sampleInput(t.defaults)
	in.Native = true
	permissions, _, err := t.Permissions(in)
	if err != nil {
		return nil
	}
	return permissions
}

func textsOf(o Object, name string) []string {
	var texts []string
	for _, item := range o.List(name) {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// permissions compiles spec.permissions.
func (c *compiler) permissions(spec *yaml.Node) *node {
	n := manifest.Resolve(valueAt(spec, "permissions"))
	if n == nil {
		return nil
	}
	at := specPath().Member("permissions")
	if n.Kind != yaml.SequenceNode {
		c.report(n, at, WrongType, "write it as the rules of a Role", "want a list, got a %s", nodeKind(n))
		return nil
	}
	return c.list(n, shape().permissions, at)
}

// needs evaluates the permissions.
func (r *rendering) needs() ([]any, error) {
	n := r.program.permissions
	if n == nil {
		return nil, nil
	}
	if r.trace != nil {
		r.trace.at = n.place.at
	}
	value, _, err := r.evaluate(n)
	list, _ := value.([]any)
	return list, err
}

// permissions checks what one rendering needs.
func (c *resultCheck) permissions(items []any) {
	at := specPath().Member("permissions")
	c.fields(items, shape().permissions, at)
	for i, item := range items {
		o, _ := item.(Object)
		for _, field := range []string{"apiGroups", "resources", "verbs"} {
			value, there := o.Get(field)
			if list, _ := value.([]any); there && len(list) == 0 && !c.incomplete {
				c.fault(at.Item(i).Member(field), BadValue, "", "the list is empty, so nothing is needed")
			}
			for j, text := range o.List(field) {
				if text == "" && field != "apiGroups" {
					c.fault(at.Item(i).Member(field).Item(j), BadValue, "", "the text is empty")
				}
			}
		}
		c.permissionNamespaces(o, at.Item(i).Member("namespaces"))
	}
}

func (c *resultCheck) permissionNamespaces(o Object, at *schema.Path) {
	for i, value := range o.List("namespaces") {
		name, _ := value.(string)
		if name != everyNamespace && len(validation.IsDNS1123Label(name)) > 0 {
			c.fault(at.Item(i), BadName, "a namespace's name, or * for all of them", "%s cannot name a namespace", Quote(name))
		}
	}
}
