package main

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// However a Secret is written, no word of its values is shown, and all else is.
func TestSecretsAreMaskedInEveryStyle(t *testing.T) {
	cases := map[string]string{
		"plain":                "kind: Secret\ndata:\n  a: hush\n  b: hush hush\nshown: yes",
		"plain over two lines": "kind: Secret\ndata:\n  a: hush\n    hush\nshown: yes",
		"double quoted":        "kind: Secret\nstringData:\n  a: \"hush \\\" hush\" # shown\nshown: yes",
		"single quoted":        "kind: Secret\nstringData:\n  a: 'hush '' hush'\nshown: yes",
		"quoted over lines":    "kind: Secret\nstringData:\n  a: \"hush\n\n    hush\"\nshown: yes",
		"literal":              "kind: Secret\nstringData:\n  a: |\n    hush\n\n      hush\n  b: >-\n    hush\nshown: yes",
		"flow":                 "kind: Secret\ndata: {a: hush, b: \"hush\", c: 'hush'}\nshown: yes",
		"JSON":                 `{"kind": "Secret", "data": {"a": "hush", "b": "hush"}, "shown": true}`,
		"JSON over lines":      "{\n  \"kind\": \"Secret\",\n  \"data\": {\n    \"a\": \"hush\"\n  },\n  \"shown\": true\n}",
		"in a List":            "kind: List\nitems:\n- kind: Secret\n  data:\n    a: hush\n- kind: ConfigMap\n  data: {a: shown}",
		"last applied":         "kind: Secret\nmetadata:\n  annotations:\n    kubectl.kubernetes.io/last-applied-configuration: |\n      {\"data\": {\"a\": \"hush\"}}\nshown: yes",
		"after other letters":  "kind: Secret\ndata: {ä: hush, ö: hush}\nshown: yes",
		"not a Secret":         "kind: ConfigMap\ndata: {a: shown}",
		"an anchor":            "kind: Secret\ndata:\n  a: &x hush\n  b: *x\nshown: yes",
	}
	for name, text := range cases {
		t.Run(name, func(t *testing.T) {
			stream, err := manifest.Parse("in.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			masked := maskSecrets(stream, []byte(text))
			lines := strings.Split(text, "\n")
			for i := range lines {
				lines[i] = strings.TrimPrefix(masked.line(i+1, " "+lines[i]), " ")
			}
			shown := strings.Join(lines, "\n")
			if strings.Contains(shown, "hush") {
				t.Errorf("a value is shown:\n%s", shown)
			}
			if !strings.Contains(shown, "shown") {
				t.Errorf("what is no secret is masked:\n%s", shown)
			}
		})
	}
}
