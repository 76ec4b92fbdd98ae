package schema

import "strings"

// Draft is the dialect of JSONSchema, for its "$schema" member.
const Draft = "http://json-schema.org/draft-07/schema#"

// JSONSchema returns a draft-07 JSON Schema of the values, for editors. Each object type is defined once
// under "definitions"; the caller adds "$schema", title and the like. With expressions, a string with ${ may
// take the place of any other value.
func (s *Schema) JSONSchema(expressions bool) map[string]any {
	w := &jsonSchemaWriter{expressions: expressions, definitions: map[string]any{}}
	root := w.of(s)
	if len(w.definitions) > 0 {
		root["definitions"] = w.definitions
	}
	return root
}

type jsonSchemaWriter struct {
	expressions bool
	definitions map[string]any
}

// of converts a schema.
func (w *jsonSchemaWriter) of(s *Schema) map[string]any {
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
		if s.Format == TimeFormat && !w.expressions {
			out["format"] = string(s.Format)
		}
		return out
	case Quantity:
		return map[string]any{"type": []string{"string", "number"}}
	case IntOrString:
		return map[string]any{"type": []string{"integer", "string"}}
	case List:
		out = map[string]any{"type": "array", "items": w.of(s.Elem)}
	case Map:
		out = map[string]any{"type": "object", "additionalProperties": w.of(s.Elem)}
	case Object:
		out = w.reference(s)
	}
	if !w.expressions {
		return out
	}
	return map[string]any{"anyOf": []any{out, map[string]any{"type": "string", "pattern": `\$\{`}}}
}

// reference returns a reference to the definition of an object type, which is made on first use.
func (w *jsonSchemaWriter) reference(s *Schema) map[string]any {
	name := strings.NewReplacer("/", ".", " ", "-").Replace(s.Type)
	ref := map[string]any{"$ref": "#/definitions/" + name}
	if _, ok := w.definitions[name]; ok {
		return ref
	}
	properties := make(map[string]any, len(s.Fields))
	w.definitions[name] = map[string]any{
		"type": "object", "properties": properties, "additionalProperties": false,
	}
	for i := range s.Fields {
		field := &s.Fields[i]
		described := w.of(field.Schema)
		if field.Description != "" {
			if _, refers := described["$ref"]; refers {
				// Draft 7 ignores other members beside a $ref.
				described = map[string]any{"allOf": []any{described}}
			}
			described["description"] = field.Description
		}
		properties[field.Name] = described
	}
	return ref
}
