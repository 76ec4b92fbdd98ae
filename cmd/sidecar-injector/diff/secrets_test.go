package diff

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
		"brackets in plain":    "kind: Secret\nstringData:\n  p: abc,hush\n  q: x}hush\n  r: x]hush # hush\nshown: yes",
		"a tag":                "kind: Secret\nstringData:\n  k: !!str | # x, y\n    hush\n    hush}\n  l: !!str hush\nshown: yes",
		"a tag on all":         "kind: !!str Secret\nstringData: !!map\n  k: !!binary hush\nshown: yes",
		"a tag on a line":      "kind: Secret\nstringData:\n  k: !!str\n    hush, hush\nshown: yes",
		"list":                 "kind: Secret\nstringData:\n  k: [hush, \"hush\"]\n  l:\n  - hush\n  - m: hush\n    hush: x\nshown: yes",
		"data is a list":       "kind: Secret\ndata:\n- hush\n- hush\nshown: yes",
		"data is a text":       "kind: Secret\ndata: >\n hush,\n\n hush\nshown: yes",
		"a SecretList":         "kind: SecretList\nitems:\n- metadata: {name: shown}\n  data:\n    a: hush\n- data: {a: hush}\n  shown: yes",
		"a List in a List":     "kind: List\nitems: [{kind: SecretList, items: [{data: {a: hush}}]}]\nshown: yes",
		"no kind":              "stringData:\n  a: hush\nshown: yes",
		"a merge":              "x: &x {a: hush}\nkind: Secret\nstringData:\n  <<: *x\n  b: hush\nshown: yes",
		"merges":               "x: &x {a: hush, c: hush}\ny: &y\n  b: hush\nkind: Secret\nstringData: {<<: [*x, *y], c: hush}\nshown: yes",
		"an alias of all":      "x: &x\n  a: hush\n  b: |\n   hush\nkind: Secret\ndata: *x\nshown: yes",
		"an alias in a list":   "x: &x hush, hush\nkind: Secret\ndata: {a: [*x]}\nshown: yes",
		"text at the left":     "kind: Secret\nstringData: {a: \"hush\nhush,\nhush\", b: hush\n---hush\n}\nshown: yes",
		"breaks in braces":     "kind: Secret\nstringData: {\n  a: hush\n   hush, b: 'x,hush}', # hush\n  c: \"hush, \\\" }hush\",\n}\nshown: yes",
		"more documents":       "shown: yes\n---\nkind: Secret\nstringData:\n  a: |+\n    hush\n\n---\nkind: Secret\nstringData: {a: hush}\n",
		"keys with marks":      "kind: Secret\nstringData:\n  ? a\n  : hush\n  ? |\n    b\n  : >-\n    hush\n  c:\nshown: yes",
		"windows":              "kind: Secret\r\nstringData:\r\n  a: hush\r\n  b: |\r\n    hush\r\nshown: yes",
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

// If the YAML parser counts lines differently than a diff, every line is masked.
func TestSecretsInTextWithOddLineBreaksAreMaskedAsAWhole(t *testing.T) {
	for _, text := range []string{
		"kind: Secret\rstringData:\r  a: hush\rb: hush",
		"kind: Secret\nx: \"a\u2028b\"\nstringData:\n  a: hush\n",
		"\ufeff{kind: Secret, stringData: {a: hush}}",
	} {
		stream, err := manifest.Parse("in.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		masked := maskSecrets(stream, []byte(text))
		for i, line := range strings.SplitAfter(text, "\n") {
			if shown := masked.line(i+1, " "+line); strings.Contains(shown, "hush") || line != "" && !strings.HasPrefix(shown, " "+mask) {
				t.Errorf("%q: shown is %q", text, shown)
			}
		}
	}
}
