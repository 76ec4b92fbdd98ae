package templates

import (
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Permissions returns the rights that the pod's service account needs for this instance; nil if it needs
// none. They do not change the pod, so they are part neither of the revision nor of the result of Render.
// cost is that of the expressions in CEL's units of work, also if there is an error. The error is always a
// *program.Error.
func (t *Template) Permissions(in *Input) (out []v1alpha1.Permission, cost uint64, err error) {
	defer t.containRender(&err)
	if t.Program().Permissions == nil {
		return nil, 0, nil
	}
	e := t.Program().Evaluation(in.Activation(), nil)
	e.Observe(in.Cover.of(t))
	items, err := e.Permissions()
	if err != nil {
		return nil, e.Cost(), t.located(err)
	}
	for _, o := range program.Objects(items) {
		out = append(out, v1alpha1.Permission{
			APIGroups:     textsOf(o, "apiGroups"),
			Resources:     textsOf(o, "resources"),
			ResourceNames: textsOf(o, "resourceNames"),
			Verbs:         textsOf(o, "verbs"),
			Namespaces:    textsOf(o, "namespaces"),
		})
	}
	return out, e.Cost(), nil
}

// UsualPermissions returns the permissions of an instance with default parameters; nil if they cannot be
// evaluated without a pod or given parameters.
func (t *Template) UsualPermissions() []v1alpha1.Permission {
	in := t.SampleInput(t.defaults)
	in.Native = true
	permissions, _, err := t.Permissions(in)
	if err != nil {
		return nil
	}
	return permissions
}

func textsOf(o program.Object, name string) []string {
	var texts []string
	for _, item := range o.List(name) {
		if text, ok := item.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}
