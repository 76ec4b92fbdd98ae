package shape

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// JSONSchema returns the JSON Schema (draft-07) of a template document of either kind, for editors, indented.
// It is the same at each call.
func JSONSchema() ([]byte, error) {
	shapes := Template()
	s := shapes.Document.JSONSchema(false)
	e := schemaEditor{definitions: map[string]any{}}
	if definitions, ok := s["definitions"].(map[string]any); ok {
		e.definitions = definitions
	}
	// In app, pod and permissions, an expression may take the place of any value.
	pod := e.additions(shapes.Pod)
	app := e.additions(shapes.App)
	permissions := e.additions(shapes.Permissions)

	template := "template"
	e.set(template, "apiVersion", map[string]any{"const": v1alpha1.GroupVersion.String()})
	e.set(template, "kind", map[string]any{"enum": []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind}})
	e.require(template, "apiVersion", "kind", "metadata", "spec")

	const types = "templates.v1alpha1."
	spec, parameter := types+"SidecarTemplateSpec", types+"Parameter"
	e.set(spec, "app", app)
	e.set(spec, "pod", pod)
	e.set(spec, "permissions", permissions)
	e.set(spec, "failurePolicy", map[string]any{"enum": []v1alpha1.FailurePolicy{v1alpha1.Fail, v1alpha1.Ignore}})
	e.set(spec, "supports", listOf([]v1alpha1.Support{v1alpha1.SupportWindows, v1alpha1.SupportHostNetwork}))
	e.set(spec, "overrides", listOf(schema.Container().Names()))
	e.set(parameter, "type", map[string]any{"enum": templates.ParameterTypes()})
	e.set(parameter, "name", map[string]any{"type": "string", "pattern": templates.ParameterName})
	e.require(parameter, "name", "type")
	e.require(types+"Example", "name")
	e.canary(types + "Canary")
	e.require(types+"Permission", "apiGroups", "resources", "verbs")

	e.set("additions-to-the-app", "containers", map[string]any{"anyOf": []any{
		map[string]any{"enum": []string{"first", "all"}},
		map[string]any{"type": "array", "items": map[string]any{"type": "string"}, "minItems": 1},
	}})
	e.set("additions-to-the-app", "initContainers", map[string]any{"type": "boolean"})
	e.set("core.v1.Container", program.PositionWord, map[string]any{
		"description": "Where the container stands: first, last, before:NAME, after:NAME; of a list, the first NAME that is there counts.",
		"anyOf": []any{
			map[string]any{"type": "string"},
			map[string]any{"type": "array", "items": map[string]any{"type": "string"}},
		},
	})
	if e.err != nil {
		return nil, e.err
	}
	s["$schema"] = schema.Draft
	s["title"] = "sidecar-injector template"
	s["definitions"] = e.definitions
	return json.MarshalIndent(s, "", "  ")
}

func listOf(words any) map[string]any {
	return map[string]any{"type": "array", "items": map[string]any{"enum": words}}
}

// schemaEditor restricts the definitions that reflection made.
type schemaEditor struct {
	definitions map[string]any
	err         error // the first missing definition
}

// additions adds the definitions of app or pod and returns the schema that refers to them.
func (e *schemaEditor) additions(s *schema.Schema) map[string]any {
	added := s.JSONSchema(true)
	definitions, _ := added["definitions"].(map[string]any)
	delete(added, "definitions")
	maps.Copy(e.definitions, definitions)
	for name := range definitions {
		if name == "additions-to-the-app" || name == "partial-pod" {
			continue // a section itself is neither repeated nor left out
		}
		e.set(name, program.EachWord, map[string]any{
			"description": "Makes this item of a list once for each element of a list: each in its expressions.",
			"type":        "string", "pattern": `^\$\{`,
		})
		e.set(name, program.WhenWord, map[string]any{
			"description": "Leaves this out when it is false.",
			"anyOf":       []any{map[string]any{"type": "boolean"}, map[string]any{"type": "string", "pattern": `^\$\{`}},
		})
	}
	return added
}

// canary adds the required fields, and the exclusive ones, to the definition of spec.canary.
func (e *schemaEditor) canary(name string) {
	d := e.definition(name)
	if d == nil {
		return
	}
	e.require(name, "of")
	d["oneOf"] = []any{
		map[string]any{"required": []string{"namespaceSelector"}},
		map[string]any{"required": []string{"percent"}},
	}
	if properties, ok := d["properties"].(map[string]any); ok {
		if share, ok := properties["percent"].(map[string]any); ok {
			share["minimum"], share["maximum"] = 0, 100
		}
	}
}

func (e *schemaEditor) set(definition, property string, value any) {
	if d := e.definition(definition); d != nil {
		if properties, ok := d["properties"].(map[string]any); ok {
			properties[property] = value
		}
	}
}

func (e *schemaEditor) require(definition string, properties ...string) {
	if d := e.definition(definition); d != nil {
		d["required"] = properties
	}
}

func (e *schemaEditor) definition(name string) map[string]any {
	d, ok := e.definitions[name].(map[string]any)
	if !ok && e.err == nil {
		e.err = fmt.Errorf("JSON Schema: definition %s is missing", name)
	}
	return d
}
