package templates

import (
	"encoding/json"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// MaxName is how many characters the name of a template or instance may have.
const MaxName = 30

var templateName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// ValidName says whether a text may name a template or an instance: a DNS label of
// at most MaxName characters that is not true, false or none.
func ValidName(name string) bool {
	return len(name) <= MaxName && templateName.MatchString(name) && !slices.Contains([]string{"true", "false", "none"}, name)
}

// read checks the document and makes the template.
func (d *document) read() {
	if !d.header() {
		return
	}
	specNode := valueAt(d.root, "spec")
	if d.tooLarge(specNode) {
		return
	}
	if specNode != nil {
		d.directions(specNode, specPath())
	}
	d.faults(shape().document.CheckYAML(d.root, nil))
	if specNode == nil || specNode.Kind != yaml.MappingNode {
		switch {
		case specNode == nil:
			d.report(d.root, nil, MissingField, "", "spec is missing")
		case !d.broken(): // null, which the schema takes for absent
			d.report(specNode, specPath(), MissingField, "", "spec is empty")
		}
		return
	}
	key := d.specKey(specNode)
	if alike := d.shared.find(key); alike != nil && len(d.findings) == 0 {
		d.copyOf(alike, specNode)
		d.entry.Template = d.template // which goes if its match is at fault
		return
	}
	d.decodeSpec(specNode)
	d.makeTemplate(specNode)
	d.checkTemplate(specNode)
	if d.broken() {
		return
	}
	d.template.program.compact()
	d.entry.Template = d.template
	if len(d.findings) == 0 {
		d.shared.add(key, d.template)
	}
}

// header reads apiVersion, kind and the identifying metadata. It is false for a
// document that is no template.
func (d *document) header() bool {
	version, kind := scalarAt(d.root, "apiVersion"), scalarAt(d.root, "kind")
	kinds := []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind}
	if !slices.Contains(kinds, kind) {
		n, hint := valueAt(d.root, "kind"), "want ClusterSidecarTemplate or SidecarTemplate"
		if n == nil {
			n = d.root
		}
		if near := Nearest(kind, kinds); near != "" {
			hint = "did you mean " + near + "?"
		}
		d.report(n, schema.Root("kind"), WrongKind, hint, "kind %s is not a template", Quote(kind))
		return false
	}
	d.entry.Kind = kind
	metadata := valueAt(d.root, "metadata")
	d.entry.Name = scalarAt(metadata, "name")
	d.entry.Namespace = scalarAt(metadata, "namespace")
	if want := v1alpha1.GroupVersion.String(); version != want {
		n := valueAt(d.root, "apiVersion")
		if n == nil {
			n = d.root
		}
		d.report(n, schema.Root("apiVersion"), WrongKind, "want "+want, "apiVersion %s is not known", Quote(version))
		return false
	}
	d.names(metadata)
	return true
}

func (d *document) names(metadata *yaml.Node) {
	at := schema.Root("metadata")
	name := valueAt(metadata, "name")
	switch {
	case name == nil:
		n := metadata
		if n == nil {
			n = d.root
		}
		d.report(n, at.Member("name"), MissingField, "", "name is missing")
	case !ValidName(d.entry.Name):
		d.report(name, at.Member("name"), BadName,
			"lower-case letters, digits and - only, at most 30 characters, not true, false or none",
			"%s cannot name a template", Quote(d.entry.Name))
	}
	namespace := valueAt(metadata, "namespace")
	switch {
	case d.entry.Kind == v1alpha1.ClusterSidecarTemplateKind && d.entry.Namespace != "":
		d.report(namespace, at.Member("namespace"), FieldNotAllowed,
			"remove it, or make it a SidecarTemplate", "a ClusterSidecarTemplate has no namespace")
		d.entry.Namespace = ""
	case d.entry.Kind == v1alpha1.SidecarTemplateKind && d.entry.Namespace == "":
		n := metadata
		if n == nil {
			n = d.root
		}
		d.warn(n, at.Member("namespace"), MissingNamespace, "", "a SidecarTemplate without namespace counts in default")
		d.entry.Namespace = "default"
	}
}

// decodeSpec fills the spec as far as it can be read. What is of the wrong type has been
// reported, and stays at its zero value.
func (d *document) decodeSpec(n *yaml.Node) {
	s := &d.spec
	targets := map[string]any{
		"description": &s.Description, "app": &s.App, "pod": &s.Pod, "permissions": &s.Permissions, "overrides": &s.Overrides,
		"failurePolicy": &s.FailurePolicy, "order": &s.Order, "supports": &s.Supports,
		"completes": &s.Completes, "keepOnDrain": &s.KeepOnDrain, "match": &s.Match,
	}
	for key, value := range manifest.Pairs(n) {
		switch key.Value {
		case "parameters":
			s.Parameters = decodeItems[v1alpha1.Parameter](value)
		case "examples":
			s.Examples = decodeItems[v1alpha1.Example](value)
		default:
			if target := targets[key.Value]; target != nil {
				decodeNode(value, target)
			}
		}
	}
}

// decodeItems decodes each item on its own, so that one bad item leaves the others; the index stays.
func decodeItems[T any](n *yaml.Node) []T {
	if n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]T, len(n.Content))
	for i, item := range n.Content {
		for key, value := range manifest.Pairs(item) {
			// Field by field for the same reason.
			data := append(append([]byte{'{'}, appendJSONString(nil, key.Value)...), ':')
			data = append(append(data, manifest.JSON(value)...), '}')
			_ = json.Unmarshal(data, &out[i]) // reported by the schema
		}
	}
	return out
}

func decodeNode(n *yaml.Node, target any) {
	_ = json.Unmarshal(manifest.JSON(n), target) // reported by the schema
}
