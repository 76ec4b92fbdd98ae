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
	definitions, _ := s["definitions"].(map[string]any)
	want, _ := definitions["cases.Want"].(map[string]any)
	properties, _ := want["properties"].(map[string]any)
	for field, words := range wantWords() {
		if properties[field] == nil {
			return nil, fmt.Errorf("definition cases.Want has no %s", field)
		}
		properties[field] = map[string]any{"enum": words}
	}
	s["$schema"], s["title"] = schema.Draft, "case of a sidecar-injector template"
	return json.MarshalIndent(s, "", "  ")
}
