package cases

import (
	"encoding/json"
	"slices"
	"testing"
)

// The schema has every field of a case, and the permitted values of some of them.
func TestJSONSchemaKnowsWhatACaseMaySay(t *testing.T) {
	data, err := JSONSchema()
	must(t, err)
	var s struct {
		Definitions map[string]struct {
			AdditionalProperties bool
			Properties           map[string]struct{ Enum []string }
		}
	}
	must(t, json.Unmarshal(data, &s))
	for definition, fields := range map[string][]string{
		"cases.Spec":      {"annotations", "assert", "canary", "description", "inject", "kubernetes", "parameters", "want"},
		"cases.Want":      {"message", "outcome", "podSecurity", "reason", "warnings"},
		"cases.Assertion": {"absent", "equal", "expression", "message", "path", "present"},
	} {
		d := s.Definitions[definition]
		var got []string
		for name := range d.Properties {
			got = append(got, name)
		}
		if slices.Sort(got); !slices.Equal(got, fields) || d.AdditionalProperties {
			t.Errorf("%s has %q, want %q and no others", definition, got, fields)
		}
	}
	want := s.Definitions["cases.Want"].Properties
	for field, word := range map[string]string{"outcome": "admittedWithout", "reason": "ValidationFailed", "podSecurity": "baseline"} {
		if !slices.Contains(want[field].Enum, word) {
			t.Errorf("want.%s: %q", field, want[field].Enum)
		}
	}
}
