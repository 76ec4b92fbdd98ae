package schema

import "strings"

// Draft is the dialect of JSONSchema, for its "$schema" member.
const Draft = "http://json-schema.org/draft-07/schema#"

// JSONSchemaOptions adapt a JSON Schema to documents that are not plain values of
// the type.
type JSONSchemaOptions struct {
	// Expressions allows a string with ${ in place of any other value.
	Expressions bool
	// ItemMembers are additional members, with their JSON Schemas, of every object within a list.
	ItemMembers map[string]any
	// Replace has JSON Schemas to use instead of the generated ones, by the name of the type, such as
	// "v1alpha1.SidecarTemplateSpec".
	Replace map[string]any
}

// JSONSchema returns a draft-07 JSON Schema of the values, for editors. Each object type is defined once
// under "definitions"; the caller adds "$schema", title and the like.
func (s *Schema) JSONSchema(options JSONSchemaOptions) map[string]any {
	w := &jsonSchemaWriter{options: options, definitions: map[string]any{}}
	root := w.of(s, false)
	if len(w.definitions) > 0 {
		root["definitions"] = w.definitions
	}
	return root
}

type jsonSchemaWriter struct {
	options     JSONSchemaOptions
	definitions map[string]any
}

// of converts a schema. item says that the value is within a list.
func (w *jsonSchemaWriter) of(s *Schema, item bool) map[string]any {
	var out map[string]any
	switch s.Kind {
	case Any:
		return map[string]any{}
	case Boolean:
		out = map[string]any{"type": "boolean"}
	case Integer:
		out = map[string]any{"type": "integer"}
		if s.Min > -1<<53 && s.Max < 1<<53 { // the range that every JSON reader represents exactly
			out["minimum"], out["maximum"] = s.Min, s.Max
		}
	case Number:
		out = map[string]any{"type": "number"}
	case String:
		out = map[string]any{"type": "string"}
		if s.Format == TimeFormat {
			out["format"] = string(s.Format)
		}
		if s.Format == NoFormat || !w.options.Expressions {
			return out
		}
		delete(out, "format")
		return out
	case Quantity:
		return map[string]any{"type": []string{"string", "number"}}
	case IntOrString:
		return map[string]any{"type": []string{"integer", "string"}}
	case List:
		out = map[string]any{"type": "array", "items": w.of(s.Elem, true)}
	case Map:
		out = map[string]any{"type": "object", "additionalProperties": w.of(s.Elem, false)}
	case Object:
		out = w.reference(s, item)
	}
	if !w.options.Expressions {
		return out
	}
	return map[string]any{"anyOf": []any{out, map[string]any{"type": "string", "pattern": `\$\{`}}}
}

// reference returns a reference to the definition of an object type, which is made on first use.
func (w *jsonSchemaWriter) reference(s *Schema, item bool) map[string]any {
	item = item && len(w.options.ItemMembers) > 0
	name := strings.NewReplacer("/", ".", " ", "-").Replace(s.Type)
	if item {
		name += "-item"
	}
	ref := map[string]any{"$ref": "#/definitions/" + name}
	if _, ok := w.definitions[name]; ok {
		return ref
	}
	if replaced, ok := w.options.Replace[s.Type]; ok {
		w.definitions[name] = replaced
		return ref
	}
	properties := make(map[string]any, len(s.Fields))
	w.definitions[name] = map[string]any{
		"type": "object", "properties": properties, "additionalProperties": false,
	}
	for i := range s.Fields {
		field := &s.Fields[i]
		described := w.of(field.Schema, false)
		if field.Description != "" {
			if _, refers := described["$ref"]; refers {
				// Draft 7 ignores other members beside a $ref.
				described = map[string]any{"allOf": []any{described}}
			}
			described["description"] = field.Description
		}
		properties[field.Name] = described
	}
	if item {
		for member, described := range w.options.ItemMembers {
			properties[member] = described
		}
	}
	return ref
}
