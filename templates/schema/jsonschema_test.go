package schema

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestTheJSONSchemaOfAPodIsClosed(t *testing.T) {
	data, err := json.Marshal(Pod().JSONSchema(false))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Ref         string `json:"$ref"`
		Definitions map[string]struct {
			Properties           map[string]json.RawMessage `json:"properties"`
			AdditionalProperties *bool                      `json:"additionalProperties"`
		} `json:"definitions"`
	}
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	if document.Ref != "#/definitions/core.v1.Pod" {
		t.Errorf("the root is %s", document.Ref)
	}
	for name, definition := range document.Definitions {
		if definition.AdditionalProperties == nil || *definition.AdditionalProperties {
			t.Errorf("%s takes unknown members", name)
		}
	}
	for _, ref := range references(string(data)) {
		if _, ok := document.Definitions[ref]; !ok {
			t.Errorf("definition %s is missing", ref)
		}
	}
	if string(document.Definitions["core.v1.Container"].Properties["image"]) == "" {
		t.Error("a container has no image")
	}
}

func references(document string) []string {
	var found []string
	for _, piece := range strings.Split(document, `"#/definitions/`)[1:] {
		name, _, _ := strings.Cut(piece, `"`)
		found = append(found, name)
	}
	return found
}

func TestInATemplateExpressionsStandForValues(t *testing.T) {
	data, err := json.Marshal(Pod().JSONSchema(true)["definitions"])
	if err != nil {
		t.Fatal(err)
	}
	var definitions map[string]struct {
		Properties map[string]map[string]any `json:"properties"`
	}
	if err := json.Unmarshal(data, &definitions); err != nil {
		t.Fatal(err)
	}
	port := definitions["core.v1.ContainerPort"].Properties["containerPort"]
	if choices, _ := port["anyOf"].([]any); len(choices) != 2 {
		t.Errorf("containerPort is %v, want an integer or an expression", port)
	}
}
