package templates_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
)

const evaluated = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: a}
spec:
  parameters:
  - {name: size, type: integer, default: 3}
  - {name: team, type: string, default: ""}
  pod:
    metadata:
      annotations:
        size: ${string(lists.range(params.size).size())}
        team: ${optional.ofNonZeroValue(params.team)}
        both: "${instance}-${params.size}"
`

func TestEachExpressionSaysWhatItGaveAndWhatItCost(t *testing.T) {
	tmpl := load.Load(templates.SourceDirectory, "a.yaml", []byte(evaluated))[0].Template
	in := bindAll(t, tmpl, map[string]string{"size": "4"})
	got, _, err := tmpl.Evaluate(in)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := tmpl.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	var total uint64
	for i := range got {
		total += got[i].Cost
		got[i].Cost = 0
	}
	if total != rendered.Cost || total == 0 {
		t.Errorf("the expressions cost %d together, the rendering %d", total, rendered.Cost)
	}
	const annotations = "spec.pod.metadata.annotations."
	want := []templates.Evaluated{
		{Path: annotations + "size", File: "a.yaml", Line: 11, Column: 15, Source: "${string(lists.range(params.size).size())}", Value: "4"},
		{Path: annotations + "team", File: "a.yaml", Line: 12, Column: 15, Source: "${optional.ofNonZeroValue(params.team)}"},
		{Path: annotations + "both", File: "a.yaml", Line: 13, Column: 16, Source: "${instance}-${params.size}", Value: in.Instance + "-4"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheExpressionThatFailedIsTheLast(t *testing.T) {
	tmpl := load.Load(templates.SourceDirectory, "a.yaml", []byte(strings.ReplaceAll(evaluated, "lists.range(params.size)", "lists.range(params.size).map(i, lists.range(params.size))")))[0].Template
	got, _, err := tmpl.Evaluate(bindAll(t, tmpl, map[string]string{"size": "9000"}))
	if err == nil || len(got) != 1 || !strings.Contains(got[0].Message, "units of work") || got[0].Cost < templates.ExpressionLimit {
		t.Errorf("error %v, evaluations %+v", err, got)
	}
}

func TestVariablesHaveTheirValues(t *testing.T) {
	tmpl, in := configSync(t)
	got := map[string]any{}
	for _, v := range tmpl.Variables(in) {
		got[v.Name] = v.Value
	}
	for name, want := range map[string]any{"params.label": "grafana_dashboard", "instance": "dashboard", "index": int64(0), "native": true, "pod.metadata.namespace": in.Pod.Namespace()} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if app, _ := got["app"].(map[string]any); app["name"] != in.App.Name() {
		t.Errorf("app is %v", got["app"])
	}
}
