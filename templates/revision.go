package templates

import (
	"crypto/sha256"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// revision returns a hash of everything that affects the injected pod: app, pod, order, keepOnDrain, and the
// parameters' names, types and defaults. It does not include what decides whether a pod is injected (match,
// supports, completes), which values are allowed (overrides, constraints), failurePolicy, descriptions,
// examples, comments or the order of keys.
func revision(spec *v1alpha1.SidecarTemplateSpec, params []*Parameter) string {
	o := program.Object{
		{Name: "order", Value: int64(spec.Order)},
		{Name: "keepOnDrain", Value: spec.KeepOnDrain},
	}
	declared := make([]any, 0, len(params))
	for _, p := range params {
		declared = append(declared, []any{p.Name, string(p.Type), p.Text})
	}
	o = append(o, program.Member{Name: "parameters", Value: declared})
	if len(spec.Variables) > 0 {
		named := make([]any, 0, len(spec.Variables))
		for _, v := range spec.Variables {
			named = append(named, []any{v.Name, v.Expression})
		}
		o = append(o, program.Member{Name: "variables", Value: named})
	}
	for _, part := range []struct {
		name string
		raw  []byte
	}{{"app", rawOf(spec.App)}, {"pod", rawOf(spec.Pod)}} {
		value, err := program.ValueFromJSON(part.raw)
		if err != nil {
			// The parts come from a YAML parser; a value that is not valid JSON is hashed as written.
			value = string(part.raw)
		}
		o = append(o, program.Member{Name: part.name, Value: program.Sorted(value)})
	}
	return shortHash(o.AppendJSON(nil))
}

// identity returns a hash of everything that a rendering depends on in the template, in written order.
// Templates with equal identities have equal renderings.
func identity(spec *v1alpha1.SidecarTemplateSpec, params []*Parameter) [sha256.Size]byte {
	var b []byte
	for _, p := range params {
		b = appendKey(appendKey(appendKey(b, p.Name), string(p.Type)), p.Text)
	}
	for _, v := range spec.Variables {
		b = appendKey(appendKey(b, v.Name), v.Expression)
	}
	for _, v := range spec.Validations {
		for _, text := range []string{v.Expression, v.Message, v.MessageExpression, string(v.Action), v.Parameter} {
			b = appendKey(b, text)
		}
	}
	b = appendRaw(b, rawOf(spec.App))
	return sha256.Sum256(appendRaw(b, rawOf(spec.Pod)))
}

func rawOf(j *apiextensionsv1.JSON) []byte {
	if j == nil {
		return []byte("null")
	}
	return j.Raw
}
