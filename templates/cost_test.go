package templates_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

func bindAll(t *testing.T, tmpl *templates.Template, given map[string]string) *templates.Input {
	t.Helper()
	p, faults := tmpl.Bind(func(name string) (string, bool) { text, ok := given[name]; return text, ok })
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return tmpl.SampleInput(p)
}

func TestAKeptRenderingCostsWhatItCostAtFirst(t *testing.T) {
	const text = `{parameters: [{name: size, type: integer, default: 1}], pod: {metadata: {annotations: {a: "${string(lists.range(params.size).map(i, i).size())}"}}}}`
	cost := func(tmpl *templates.Template, size string) uint64 {
		out, err := tmpl.Render(bindAll(t, tmpl, map[string]string{"size": size}))
		if err != nil {
			t.Fatal(err)
		}
		return out.Cost
	}
	load := func() *templates.Template {
		return one(t, templates.SourceDirectory, clusterKind, "", "a", text).Template
	}
	kept := load()
	first, again, anew := cost(kept, "500"), cost(kept, "500"), cost(load(), "500")
	if first == 0 || first != again || first != anew {
		t.Errorf("cost %d at first, %d kept, %d anew", first, again, anew)
	}
	if small := cost(kept, "50"); small*5 > first {
		t.Errorf("cost %d for a tenth of %d's work", small, first)
	}
}

func TestAnErrorNamesTheParametersWhoseValuesCanBeWrong(t *testing.T) {
	render := func(text string, given map[string]string) *program.Error {
		tmpl := one(t, templates.SourceDirectory, clusterKind, "", "a", text).Template
		_, err := tmpl.Render(bindAll(t, tmpl, given))
		var failed *program.Error
		if !errors.As(err, &failed) {
			t.Fatalf("error %v", err)
		}
		return failed
	}
	e := render(`{parameters: [{name: size, type: integer, default: 1}], pod: {metadata: {annotations: {a: "${string(lists.range(params.size).map(i, lists.range(params.size)).size())}"}}}}`, map[string]string{"size": "9000"})
	if !slices.Equal(e.Parameters, []string{"size"}) || e.Cost == 0 || !strings.Contains(e.Message, "units of work") {
		t.Errorf("parameters %q, cost %d: %v", e.Parameters, e.Cost, e)
	}
	e = render(`{parameters: [{name: label, type: string, default: app}], pod: {metadata: {annotations: {a: "${pod.metadata.labels[params.label]}"}}}}`, map[string]string{"label": "app"})
	if e.Parameters != nil {
		t.Errorf("what the pod lacks is blamed on %q: %v", e.Parameters, e)
	}
}
