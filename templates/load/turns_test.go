package load

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// controls are all characters of Unicode that change the direction of text.
const controls = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

func TestWhatTurnsTextIsRefusedInParameters(t *testing.T) {
	for _, r := range controls {
		for kind, text := range map[string]string{"path": "/a" + string(r) + "b", "url": "http://a/" + string(r), "list<string>": "a,b" + string(r)} {
			entry := one(t, `{parameters: [{name: p, type: `+kind+`}], pod: {metadata: {annotations: {a: "${string(params.p)}"}}}}`)
			if kind == "list<string>" {
				entry = one(t, `{parameters: [{name: p, type: list<string>}], pod: {metadata: {annotations: {a: "${params.p.join('')}"}}}}`)
			}
			_, faults := entry.Template.Bind(func(string) (string, bool) { return text, true })
			if len(faults) != 1 || !strings.Contains(faults[0].Message, "turn the direction of text") || strings.ContainsRune(faults[0].Error(), r) {
				t.Errorf("%s with %U: %v", kind, r, faults)
			}
		}
		entry := one(t, `{parameters: [{name: p, type: string}], pod: {metadata: {annotations: {a: "${params.p}"}}}}`)
		if _, faults := entry.Template.Bind(func(string) (string, bool) { return string(r), true }); len(faults) > 0 {
			t.Errorf("a string with %U: %v", r, faults)
		}
	}
}

func TestWhatTurnsTextIsAFindingAndIsNotShown(t *testing.T) {
	for _, r := range controls {
		for _, spec := range []string{
			`{description: "a` + string(r) + `", pod: {metadata: {labels: {a: b}}}}`,
			`{parameters: [{name: p, type: string, description: "` + string(r) + `"}], pod: {metadata: {labels: {a: "${params.p}"}}}}`,
			`{parameters: [{name: p, type: string, enum: ["b` + string(r) + `"]}], pod: {metadata: {labels: {a: "${params.p}"}}}}`,
			`{pod: {metadata: {annotations: {"a` + string(r) + `": b}}}}`,
			`{pod: {metadata: {annotations: {a: "${'` + string(r) + `'}"}}}}`,
			`{examples: [{name: "` + string(r) + `"}], pod: {metadata: {labels: {a: b}}}}`,
		} {
			entry := one(t, spec)
			if entry.Template != nil || !strings.Contains(entry.Findings[0].Message, "turns the direction") && !strings.Contains(entry.Findings[len(entry.Findings)-1].Message, "turns the direction") {
				t.Errorf("%U in %q: %v", r, spec, entry.Findings)
			}
			for _, f := range entry.Findings {
				if strings.ContainsRune(f.String()+f.Detail()+f.Excerpt, r) {
					t.Errorf("%U is shown: %q", r, f)
				}
			}
		}
	}
}

// one loads a single template of this spec.
func one(t *testing.T, spec string) templates.Entry {
	t.Helper()
	entries := Load(templates.SourceDirectory, "a.yaml", []byte("apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: a}\nspec: "+spec+"\n"))
	if len(entries) != 1 {
		t.Fatalf("%d entries", len(entries))
	}
	return entries[0]
}
