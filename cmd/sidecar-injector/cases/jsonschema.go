package cases

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// JSONSchema returns the JSON Schema (draft-07) of case.yaml, indented, for editors. The result is the same
// at each call.
func JSONSchema() ([]byte, error) {
	s := schema.Of(reflect.TypeFor[Spec]()).JSONSchema(false)
	words := wantWords()
	for _, of := range []struct {
		definition, field string
		values            any
	}{
		{"cases.Want", "outcome", words["outcome"]}, {"cases.Want", "reason", words["reason"]}, {"cases.Want", "podSecurity", words["podSecurity"]},
	} {
		definitions, _ := s["definitions"].(map[string]any)
		definition, _ := definitions[of.definition].(map[string]any)
		properties, _ := definition["properties"].(map[string]any)
		if properties[of.field] == nil {
			return nil, fmt.Errorf("definition %s has no %s", of.definition, of.field)
		}
		properties[of.field] = map[string]any{"enum": of.values}
	}
	s["$schema"], s["title"] = schema.Draft, "case of a sidecar-injector template"
	return json.MarshalIndent(s, "", "  ")
}
