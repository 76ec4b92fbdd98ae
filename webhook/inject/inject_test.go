package inject_test

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/builtin"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

var enabled = inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}

// builtinEntries loads the built-in templates and those given as YAML.
func builtinEntries(t testing.TB, more ...string) []templates.Entry {
	t.Helper()
	var entries []templates.Entry
	files, err := fs.Glob(builtin.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := fs.ReadFile(builtin.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, load.Load(templates.SourceBuiltIn, file, data)...)
	}
	for _, text := range more {
		entries = append(entries, load.Load(templates.SourceDirectory, "test.yaml", []byte(text))...)
	}
	for _, e := range entries {
		if e.Broken() {
			t.Fatalf("template %s: %v", e.Name, e.Findings)
		}
	}
	return entries
}

func builtinSet(t testing.TB, more ...string) *templates.Set {
	t.Helper()
	return templates.NewSet(builtinEntries(t, more...))
}

func run(t testing.TB, set *templates.Set, pod []byte) *inject.Result {
	t.Helper()
	result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, Namespace: enabled})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestEveryReasonIsDescribedOnce(t *testing.T) {
	seen := map[inject.Reason]bool{}
	for _, info := range inject.Reasons() {
		if seen[info.Reason] || info.Text == "" || info.Cause == "" || len(info.Outcomes) == 0 {
			t.Errorf("reason %s: described twice or not at all", info.Reason)
		}
		seen[info.Reason] = true
	}
}

func TestARefusalListsTheShortestFaultFirstAndStaysShort(t *testing.T) {
	set := builtinSet(t)
	var names []string
	for i := range 16 {
		names = append(names, strings.Repeat("x", i+3)+"="+"log-colector")
	}
	pod := marshal(t, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{inject.RequestAnnotation: strings.Join(names, ",")}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "web"}}},
	})
	result := run(t, set, pod)
	message := result.Message()
	if result.Allowed() || len(result.Causes()) != 16 {
		t.Fatalf("allowed %v, %d causes", result.Allowed(), len(result.Causes()))
	}
	if len(message) > 1024+len("; and 16 more") || !strings.Contains(message, " more") || !strings.Contains(message, "did you mean log-collector?") {
		t.Errorf("message of %d bytes: %s", len(message), message)
	}
}

func TestWarningsAreOnePrintableLine(t *testing.T) {
	set := builtinSet(t)
	pod := marshal(t, map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{
			inject.RequestAnnotation:                             "",
			"evil\n.sidecar-injector.dev/" + "x":                 "y\x00",
			strings.Repeat("e", 400) + ".sidecar-injector.dev/x": "y",
		}},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "web"}}},
	})
	result := run(t, set, pod)
	if len(result.Warnings) != 2 {
		t.Fatalf("warnings: %q", result.Warnings)
	}
	for _, w := range result.Warnings {
		if len(w) > 256 || strings.ContainsFunc(w, func(r rune) bool { return r < ' ' }) {
			t.Errorf("warning %q", w)
		}
	}
}

func TestBytesThatAreNoPodAreTheCallersFault(t *testing.T) {
	set := builtinSet(t)
	for name, raw := range map[string]string{
		"empty":              ``,
		"a list":             `[]`,
		"truncated":          `{"metadata":{"annotations":{"sidecar-injector.dev/inject":"log-collector"}},"spec":{"containers":[`,
		"labels of numbers":  `{"metadata":{"labels":{"a":1}}}`,
		"containers no list": `{"metadata":{"annotations":{"sidecar-injector.dev/inject":"log-collector"}},"spec":{"containers":"x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: []byte(raw), Namespace: enabled})
			if _, ok := err.(*inject.MalformedPodError); !ok {
				t.Errorf("error %v is no MalformedPodError", err)
			}
		})
	}
}
