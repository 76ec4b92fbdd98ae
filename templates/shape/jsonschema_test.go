package shape

import (
	"bytes"
	"encoding/json"
	"testing"
)

// Every reference has a definition, the document is the same each time, and it has the words that templates
// add to Kubernetes' types.
func TestJSONSchemaIsCompleteAndStable(t *testing.T) {
	data, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	again, err := JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, again) {
		t.Error("two calls differ")
	}
	var document map[string]any
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	definitions, _ := document["definitions"].(map[string]any)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				name := ref[len("#/definitions/"):]
				if _, ok := definitions[name]; !ok {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for _, child := range v {
				walk(child)
			}
		case []any:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(document)
	for _, word := range []string{`"$when"`, `"$position"`, `"credentials"`, `"reinvocation"`} {
		if got, want := bytes.Contains(data, []byte(word)), word[1] == '$'; got != want {
			t.Errorf("%s is in the schema: %v", word, got)
		}
	}
}
