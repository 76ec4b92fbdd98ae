package load

import (
	"cmp"
	"encoding/json"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/shape"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

func specPath() *schema.Path { return schema.Root("spec") }

// document reads a document into its entry: its identity and the template that it defines.
func (l *Loader) document(root *yaml.Node, e *templates.Entry, r *report) {
	if !header(root, e, r) {
		return
	}
	spec := specOf(root, r)
	if spec == nil {
		return
	}
	e.Canary = present(valueAt(spec, "canary"))
	key := keyOf(spec, e)
	if alike := l.shared.find(key); alike != nil && len(r.findings) == 0 {
		e.Template = copyOf(alike, e, spec, r)
		return
	}
	t := l.template(spec, e, r)
	if r.broken() {
		return
	}
	e.Template = t
	if len(r.findings) == 0 && t.Canary == nil {
		l.shared.add(key, t)
	}
}

// specOf returns the document's spec; nil if there is none that can be read.
func specOf(root *yaml.Node, r *report) *yaml.Node {
	spec := valueAt(root, "spec")
	if tooLarge(spec, r) {
		return nil
	}
	if spec != nil {
		directions(spec, specPath(), r)
	}
	r.faults(shape.Template().Document.CheckYAML(root, nil))
	switch {
	case spec == nil:
		r.fault(root, nil, templates.MissingField, "", "spec is missing")
		return nil
	case spec.Kind == yaml.MappingNode:
		return spec
	case !r.broken(): // null, which the schema treats as absent
		r.fault(spec, specPath(), templates.MissingField, "", "spec is empty")
	}
	return nil
}

// header reads apiVersion, kind, name and namespace. It returns false for a document that is no template.
func header(root *yaml.Node, e *templates.Entry, r *report) bool {
	if root.Kind != yaml.MappingNode {
		r.fault(root, nil, templates.WrongType, "a document is a mapping with apiVersion, kind, metadata and spec", "want a mapping, got a %s", nodeKind(root))
		return false
	}
	version, kind := scalarAt(root, "apiVersion"), scalarAt(root, "kind")
	if isList(root) {
		r.fault(root, nil, templates.WrongType, "", "a %s has a list of items", kind)
		return false
	}
	kinds := []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind}
	if !slices.Contains(kinds, kind) {
		hint := message.DidYouMean(kind, kinds, "want ClusterSidecarTemplate or SidecarTemplate")
		r.fault(cmp.Or(valueAt(root, "kind"), root), schema.Root("kind"), templates.WrongKind, hint, "kind %s is not a template", message.Quote(kind))
		return false
	}
	metadata := valueAt(root, "metadata")
	e.Kind, e.Name, e.Namespace = kind, scalarAt(metadata, "name"), scalarAt(metadata, "namespace")
	if want := v1alpha1.GroupVersion.String(); version != want {
		r.fault(cmp.Or(valueAt(root, "apiVersion"), root), schema.Root("apiVersion"), templates.WrongKind, "want "+want, "apiVersion %s is not known", message.Quote(version))
		return false
	}
	names(metadata, cmp.Or(metadata, root), e, r)
	return true
}

// names checks name and namespace; a missing one is reported at n.
func names(metadata, n *yaml.Node, e *templates.Entry, r *report) {
	at := schema.Root("metadata")
	name, namespace := valueAt(metadata, "name"), valueAt(metadata, "namespace")
	switch {
	case name == nil:
		r.fault(n, at.Member("name"), templates.MissingField, "", "name is missing")
	case !templates.ValidName(e.Name):
		r.fault(name, at.Member("name"), templates.BadName,
			"lower-case letters, digits and - only, at most 30 characters, not true, false or none",
			"%s cannot name a template", message.Quote(e.Name))
	}
	switch {
	case e.Kind == v1alpha1.ClusterSidecarTemplateKind && e.Namespace != "":
		r.fault(namespace, at.Member("namespace"), templates.FieldNotAllowed,
			"remove it, or make it a SidecarTemplate", "a ClusterSidecarTemplate has no namespace")
		e.Namespace = ""
	case e.Kind == v1alpha1.SidecarTemplateKind && e.Namespace == "":
		r.warn(n, at.Member("namespace"), templates.MissingNamespace, "a SidecarTemplate without namespace counts in default")
		e.Namespace = "default"
	}
}

// decodeSpec decodes the spec as far as possible. A field of the wrong type has been reported, and keeps its
// zero value.
func decodeSpec(n *yaml.Node) *v1alpha1.SidecarTemplateSpec {
	s := &v1alpha1.SidecarTemplateSpec{}
	targets := map[string]any{
		"description": &s.Description, "app": &s.App, "pod": &s.Pod, "permissions": &s.Permissions, "overrides": &s.Overrides,
		"failurePolicy": &s.FailurePolicy, "order": &s.Order, "supports": &s.Supports,
		"completes": &s.Completes, "keepOnDrain": &s.KeepOnDrain, "match": &s.Match,
		"canary": &s.Canary,
	}
	for key, value := range manifest.Pairs(n) {
		switch key.Value {
		case "parameters":
			s.Parameters = decodeItems[v1alpha1.Parameter](value)
		case "examples":
			s.Examples = decodeItems[v1alpha1.Example](value)
		case "variables":
			s.Variables = decodeItems[v1alpha1.Variable](value)
		case "validations":
			s.Validations = decodeItems[v1alpha1.Validation](value)
		default:
			if target := targets[key.Value]; target != nil {
				decodeNode(value, target)
			}
		}
	}
	return s
}

// decodeItems decodes each item separately, so that an invalid item does not affect the others; indices are
// kept.
func decodeItems[T any](n *yaml.Node) []T {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]T, len(n.Content))
	for i, item := range n.Content {
		for key, value := range manifest.Pairs(item) {
			// Field by field, for the same reason.
			data := append(program.AppendString([]byte{'{'}, key.Value), ':')
			data = append(append(data, manifest.JSON(value)...), '}')
			_ = json.Unmarshal(data, &out[i]) // reported by the schema
		}
	}
	return out
}

func decodeNode(n *yaml.Node, target any) {
	_ = json.Unmarshal(manifest.JSON(n), target) // reported by the schema
}

// unquotedKey reports an unquoted key such as y or no, which Kubernetes reads as true or false.
func unquotedKey(key *yaml.Node, at *schema.Path, r *report) bool {
	read := string(manifest.JSON(key))
	if read != "true" && read != "false" || read == key.Value {
		return false
	}
	r.fault(key, at, templates.WrongType, "put it in quotes: "+message.Quote(key.Value), "want a string for a key, got the boolean %s", read)
	return true
}
