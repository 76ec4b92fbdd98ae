package check_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates/check"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Arguments in which values of parameters are joined are expanded as Kubernetes does: a variable is
// substituted only where the template or a value contains $(TOKEN) as written.
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
		entry := loadSpec(t, parameters+`pod: {spec: {containers: [{name: c, image: i, `+field+`}]}}}`)
		if entry.Template == nil {
			t.Fatalf("%s: %v", argument, entry.Findings)
		}
		in := inputOf(t, entry.Template, given)
		in.Pod = namedPod{"web"}
		out, err := entry.Template.Render(in)
		if err != nil {
			t.Fatalf("%s: %v", argument, err)
		}
		container, _ := out.Pod.Object("spec").List("containers")[0].(program.Object)
		var got []string
		for _, item := range container.List("args") {
			text, _ := item.(string)
			got = append(got, check.Expand(text, map[string]string{"TOKEN": "SECRET", "OTHER": "OTHERS"}))
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
