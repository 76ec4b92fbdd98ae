package templates

import (
	"strings"
	"testing"
)

// What Kubernetes makes of arguments in which values of parameters meet: a variable where
// somebody wrote $(TOKEN), and nowhere else.
func TestNoVariableIsPutTogetherFromValues(t *testing.T) {
	const parameters = `{parameters: [{name: a, type: path}, {name: b, type: path}, {name: l, type: list<string>}, {name: s, type: string}], `
	given := map[string]string{"a": "/x$", "b": "(TOKEN)", "l": `["$", "(TOKEN)", "z"]`, "s": "$(TOKEN)"}
	for argument, want := range map[string]string{
		`${params.a}${params.b}`:                         `/x$(TOKEN)`,
		`${params.a}(TOKEN)`:                             `/x$(TOKEN)`,
		`-$${params.b}`:                                  `-${params.b}`,
		`${params.a}$${params.b}`:                        `/x${params.b}`,
		`${params.a}${""}(TOKEN)`:                        `/x$(TOKEN)`,
		`$(TOKEN)${params.a}`:                            `SECRET/x$`,
		`$(${"TOKEN"})`:                                  `SECRET`,
		`${params.a}$(TOKEN)`:                            `/x$(TOKEN)`,
		`${params.s}`:                                    `SECRET`,
		`x-${params.s}`:                                  `x-SECRET`,
		`${params.s + params.a}`:                         `SECRET/x$`,
		`${params.a + params.b}`:                         `/x$(TOKEN)`,
		`${params.a + "(TOKEN)"}`:                        `/x$(TOKEN)`,
		`y${params.a + "(TOKEN)"}`:                       `y/x$(TOKEN)`,
		`${params.l.join("")}`:                           `$(TOKEN)z`,
		`${"$(TOKEN)" + params.a}`:                       `SECRET/x$`,
		`${"$(OTHER)" + params.a + params.b}`:            `OTHERS/x$(TOKEN)`,
		`${"$(OTHER)$(" + params.b + params.a}`:          `OTHERS$((TOKEN)/x$`,
		`${"/x-$" + params.b}`:                           `/x-$(TOKEN)`,
		`${params.b.replace("(", "$(")}`:                 `SECRET`,
		`${params.a}${params.a}${params.b}`:              `/x$/x$(TOKEN)`,
		`${params.a + "$"}${params.b}`:                   `/x$(TOKEN)`,
		`${params.a}${pod.metadata.name}`:                `/x$web`,
		`${params.a + "(TOKEN)" + pod.metadata.name}`:    `/x$(TOKEN)web`,
		`${params.l.map(x, x == "$" ? x + "(TOKEN)":x)}`: `$(TOKEN) (TOKEN) z`,
	} {
		field := `args: ['` + argument + `']`
		if strings.Contains(argument, ".map(") {
			field = `args: '` + argument + `'`
		}
		entry := one(t, SourceDirectory, clusterKind, "", "split", parameters+`pod: {spec: {containers: [{name: c, image: i, `+field+`}]}}}`)
		if entry.Template == nil {
			t.Fatalf("%s: %v", argument, entry.Findings)
		}
		in := bindAll(t, entry.Template, given)
		in.Pod = namedPod{"web"}
		out, err := entry.Template.Render(in)
		if err != nil {
			t.Fatalf("%s: %v", argument, err)
		}
		container, _ := out.Pod.Object("spec").List("containers")[0].(Object)
		var got []string
		for _, item := range container.List("args") {
			text, _ := item.(string)
			got = append(got, expand(text, map[string]string{"TOKEN": "SECRET", "OTHER": "OTHERS"}))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %q of %v, want %q", argument, got, container.List("args"), want)
		}
	}
}

type namedPod struct{ name string }

func (p namedPod) Name() string      { return p.name }
func (p namedPod) Namespace() string { return "shop" }
func (p namedPod) Object() (map[string]any, error) {
	return map[string]any{"metadata": map[string]any{"name": p.name}}, nil
}
func (p namedPod) Raw([]string) []byte { return nil }

// controls are all of Unicode that steer the direction of text.
const controls = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"

func TestWhatTurnsTextIsRefusedInParameters(t *testing.T) {
	for _, r := range controls {
		for kind, text := range map[string]string{"path": "/a" + string(r) + "b", "url": "http://a/" + string(r), "list<string>": "a,b" + string(r)} {
			entry := one(t, SourceDirectory, clusterKind, "", "a", `{parameters: [{name: p, type: `+kind+`}], pod: {metadata: {annotations: {a: "${string(params.p)}"}}}}`)
			if kind == "list<string>" {
				entry = one(t, SourceDirectory, clusterKind, "", "a", `{parameters: [{name: p, type: list<string>}], pod: {metadata: {annotations: {a: "${params.p.join('')}"}}}}`)
			}
			_, faults := entry.Template.Bind(func(string) (string, bool) { return text, true })
			if len(faults) != 1 || !strings.Contains(faults[0].Message, "turn the direction of text") || strings.ContainsRune(faults[0].Error(), r) {
				t.Errorf("%s with %U: %v", kind, r, faults)
			}
		}
		entry := one(t, SourceDirectory, clusterKind, "", "a", `{parameters: [{name: p, type: string}], pod: {metadata: {annotations: {a: "${params.p}"}}}}`)
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
			entry := one(t, SourceDirectory, clusterKind, "", "a", spec)
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
