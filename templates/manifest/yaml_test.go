package manifest

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

// longKey matches a member's key of 1,000 bytes or more.
var longKey = regexp.MustCompile(`"[^"]{1000}[^"]*":`)

// The printed YAML has the same value as the JSON, read as Kubernetes reads it.
func FuzzYAMLFromJSONKeepsItsMeaning(f *testing.F) {
	for _, seed := range []string{
		`{"a": "yes", "b": "1", "c": 1, "d": "2001-01-01", "e": "", "f": null, "g": [], "h": {}}`,
		`{"a": "x\ny\n", "b": "\n", "c": " x", "d": "#", "e": "a: b", "f": "'", "g": "\"", "h": "12:30:45"}`,
		`[[1, 2.5, -0, 1e3], ["~", "null", "<<", "=", "0x1F", "0b1", "1_000", "!!str"], {"y": true}]`,
		`{"\u0001": "\u001b[31m", "tab\t": "\ttab", "ä": "\u2028", "- ": "- x", "trail": "x \n y"}`,
		`"text"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		if json.Unmarshal(text, &want) != nil {
			return
		}
		canonical, err := json.Marshal(want)
		if err != nil {
			return
		}
		printed, err := YAML(canonical)
		if err != nil && longKey.Match(canonical) {
			return // YAML does not allow longer keys on one line
		}
		if err != nil {
			t.Fatal(err)
		}
		var got any
		if err := yaml.Unmarshal(printed, &got); err != nil {
			t.Fatalf("%v\n%s", err, printed)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s\n%s", diff, printed)
		}
	})
}
