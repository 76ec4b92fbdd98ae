package load

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// What fails for a pod is marked at the character in the file, whatever the style of its scalar: where the check
// of the template marks it. « stands before that character.
func TestWhatFailsForAPodHasThePlaceOfItsCharacter(t *testing.T) {
	for name, text := range map[string]string{
		"plain":                     `labels: {a: x}` + "\n      annotations: {a: \"${pod.metadata.«labels.x}\"}",
		"plain, with text":          `annotations: {a: "the ${app.name} and ${pod.metadata.«labels.x} of it"}`,
		"after characters of bytes": `annotations: {a: "é ☂ ${app.name} ${'é' + pod.metadata.«labels['x']}"}`,
		"escapes":                   `annotations: {a: "\t\u00e9 ${'\"' + pod.metadata.«labels.x}"}`,
		"single quotes":             `annotations: {a: '''it''s'' ${pod.metadata.«labels[''x'']}'}`,
		"blanks":                    "annotations:\n        a: ${  app.name  }${   pod.metadata.«labels.x  }",
		"plain, folded":             "annotations:\n        a: the ${app.name}\n          and ${app.name +\n          pod.metadata.«labels.x}",
		"double quotes, folded":     "annotations:\n        a: \"the ${app.name} \\\n          and ${app.name +\n\n          pod.metadata.«labels.x}\"",
		"literal":                   "annotations:\n        a: |\n          the\n            ${app.name}\n\n          ${app.name +\n            pod.metadata.«labels.x}\n",
		"folded":                    "annotations:\n        a: >-\n          the\n          ${app.name}\n\n          ${app.name +\n            pod.metadata.«labels.x}\n",
		"a literal dollar":          `annotations: {a: "$${HOME} ${app.name} $${X} ${pod.metadata.«labels.x}"}`,
		"an anchor":                 `annotations: {a: &a "${pod.metadata.«labels.x}", b: *a}`,
	} {
		t.Run(name, func(t *testing.T) {
			const before = "---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own}\nspec:\n  pod:\n    metadata:\n      "
			failsAtMark(t, before+text+"\n")
		})
	}
}

// The fields that hold CEL alone are no exception, nor are conditions, lists and keys.
func TestWhatFailsOutsideOfAValueHasItsPlaceToo(t *testing.T) {
	for name, spec := range map[string]string{
		"a variable":       "variables: [{name: a, expression: '\"x\" + pod.metadata.«labels.x'}]\n  pod: {metadata: {annotations: {a: '${variables.a}'}}}",
		"a validation":     "validations:\n  - message: m\n    expression: |\n      app.name != '' &&\n        pod.metadata.«labels.x == ''\n  pod: {metadata: {annotations: {a: b}}}",
		"a message":        "validations: [{expression: \"false\", messageExpression: \"'x' + pod.metadata.«labels.x\"}]\n  pod: {metadata: {annotations: {a: b}}}",
		"a condition":      "pod: {spec: {volumes: [{$when: \"${app.name == pod.metadata.«labels.x}\", name: a, emptyDir: {}}]}}",
		"a list":           "pod: {spec: {volumes: [{$each: '${pod.spec.«tolerations}', name: 'a-${eachIndex}', emptyDir: {}}]}}",
		"what a list does": "pod: {spec: {volumes: [{$each: '${[\"a\"]}', name: 'a-${each + pod.metadata.«labels.x}', emptyDir: {}}]}}",
	} {
		t.Run(name, func(t *testing.T) {
			failsAtMark(t, "# A template.\n---\napiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own}\nspec:\n  "+spec+"\n")
		})
	}
}

// failsAtMark loads a template whose rendering fails at the character after «.
func failsAtMark(t *testing.T, text string) {
	t.Helper()
	before, _, _ := strings.Cut(text, "«")
	line := strings.Count(before, "\n") + 1
	want := fmt.Sprintf("%d:%d", line, len([]rune(before[strings.LastIndex(before, "\n")+1:]))+1)
	loaded := Load(templates.SourceDirectory, "own.yaml", []byte(strings.Replace(text, "«", "", 1)))[0].Template
	if loaded == nil {
		t.Fatal("the template does not load")
	}
	defaults, _ := loaded.Bind(nil)
	_, err := loaded.Render(loaded.SampleInput(defaults))
	fault := (*program.Error)(nil)
	if !errors.As(err, &fault) {
		t.Fatalf("want it to fail, got %v", err)
	}
	if got := fmt.Sprintf("%d:%d", fault.Line, fault.Column); got != want || fault.File != "own.yaml" {
		t.Errorf("marked at %s:%s, want %s: %v", fault.File, got, want, err)
	}
	evaluated, _, _ := loaded.Evaluate(loaded.SampleInput(defaults))
	last := evaluated[len(evaluated)-1]
	if got := fmt.Sprintf("%d:%d", last.Line, last.Column); got != want || last.Message != fault.Message {
		t.Errorf("the last evaluation is at %s, %q, want %s, %q", got, last.Message, want, fault.Message)
	}
}
