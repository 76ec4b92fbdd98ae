package templates_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"weak"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

func loadFile(tb testing.TB, file string) *templates.Template {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	entries := load.Load(templates.SourceBuiltIn, filepath.Base(file), data)
	if len(entries) != 1 || entries[0].Template == nil {
		tb.Fatalf("%s: %+v", file, entries)
	}
	return entries[0].Template
}

func configSync(tb testing.TB) (*templates.Template, *templates.Input) {
	tb.Helper()
	tmpl := loadFile(tb, filepath.Join("builtin", "config-sync.yaml"))
	given := map[string]string{
		"label": "grafana_dashboard", "folder": "/tmp/dashboards", "credentialsSecret": "prometheus-grafana",
		"reloadURL": "http://localhost:3000/api/admin/provisioning/dashboards/reload",
	}
	parameters, faults := tmpl.Bind(func(name string) (string, bool) {
		text, ok := given[name]
		return text, ok
	})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	in := tmpl.SampleInput(parameters)
	in.Instance, in.Native = "dashboard", true
	return tmpl, in
}

// Concurrent renderings of one template have the same results as single ones, and do not change the
// template's own values. Run with -race.
func TestRenderingsDoNotDisturbEachOther(t *testing.T) {
	tmpl, in := configSync(t)
	first, err := tmpl.Render(in)
	if err != nil {
		t.Fatal(err)
	}
	want := string(first.Pod.AppendJSON(first.App.Fields.AppendJSON(nil)))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				out, err := tmpl.Render(in)
				if err != nil {
					t.Error(err)
					return
				}
				if diff := cmp.Diff(want, string(out.Pod.AppendJSON(out.App.Fields.AppendJSON(nil)))); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
					return
				}
				// Changes to copies of a rendering do not affect the rendering.
				for i, item := range out.Pod.Object("spec").List("initContainers") {
					c := item.(program.Object)
					_ = c.Without("restartPolicy").With("name", "other").With("extra", int64(i))
				}
			}
		})
	}
	group.Wait()
}

func TestAnExpensiveTemplateIsItsOwnFault(t *testing.T) {
	e := one(t, templates.SourceDirectory, clusterKind, "", "a", `{pod: {metadata: {labels: {a: "${string([1,2,3,4,5,6,7,8,9,10].map(a, [1,2,3,4,5,6,7,8,9,10].map(b, [1,2,3,4,5,6,7,8,9,10].map(c, [1,2,3,4,5,6,7,8,9,10].map(d, [1,2,3,4,5,6,7,8,9,10].map(e, a))))).size())}"}}}}`)
	if !e.Broken() || e.Findings[0].Reason != templates.ExpressionCost {
		t.Errorf("%v", e.Findings)
	}
}

func TestARevisionChangesWithWhatPodsGetOnly(t *testing.T) {
	revision := func(text string) string {
		entries := load.Load(templates.SourceDirectory, "a.yaml", []byte(text))
		if len(entries) != 1 || entries[0].Template == nil {
			t.Fatalf("%v", entries)
		}
		return entries[0].Template.Revision
	}
	base := `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: a}
spec:
  parameters: [{name: p, type: string, default: x}]
  pod:
    metadata: {labels: {a: b, c: "${params.p}"}}
`
	want := revision(base)
	if len(want) != 10 {
		t.Errorf("revision is %q", want)
	}
	for name, text := range map[string]string{
		"layout": `{"kind": "ClusterSidecarTemplate", "apiVersion": "sidecar-injector.dev/v1alpha1", "metadata": {"name": "a"},
  "spec": {"pod": {"metadata": {"labels": {"c": "${params.p}", "a": "b"}}}, "parameters": [{"type": "string", "name": "p", "default": "x"}]}}`,
		"comments":      "# hello\n" + base,
		"name":          replace(t, base, "{name: a}", "{name: other, labels: {x: z}}"),
		"description":   replace(t, base, "spec:", "spec:\n  description: hello"),
		"its parameter": replace(t, base, "type: string,", "type: string, description: hello, maxLength: 9,"),
		"examples":      base + "  examples: [{name: e, parameters: {p: z}}]\n",
		"failurePolicy": base + "  failurePolicy: Ignore\n",
		"overrides":     base + "  overrides: [image]\n",
	} {
		if got := revision(text); got != want {
			t.Errorf("%s changes the revision", name)
		}
	}
	for name, text := range map[string]string{
		"default": replace(t, base, "default: x", "default: z"),
		"label":   replace(t, base, "a: b", "a: d"),
		"order":   base + "  order: 1\n",
		"app":     base + "  app: {env: [{name: A, value: b}]}\n",
	} {
		if got := revision(text); got == want {
			t.Errorf("%s does not change the revision", name)
		}
	}
}

func replace(t *testing.T, text, old, new string) string {
	t.Helper()
	out := ""
	for i := 0; i+len(old) <= len(text); i++ {
		if text[i:i+len(old)] == old {
			return text[:i] + new + text[i+len(old):]
		}
	}
	t.Fatalf("%q is not there", old)
	return out
}

func BenchmarkRender(b *testing.B) {
	tmpl, in := configSync(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBind(b *testing.B) {
	tmpl, _ := configSync(b)
	b.ReportAllocs()
	for b.Loop() {
		tmpl.Bind(func(name string) (string, bool) { return "/tmp/dashboards", name == "folder" || name == "label" })
	}
}

// The cache of renderings is not observable: in any order of inputs, each result is equal to that of a
// template without cached renderings.
func TestWhatIsKeptBetweenRenderingsNeverShows(t *testing.T) {
	text := `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: a}
spec:
  parameters:
  - {name: s, type: string, default: ""}
  - {name: d, type: integer, default: 1}
  app:
    env:
    - {name: "NS", value: "${pod.metadata.namespace}"}
    - {$when: "${pod.metadata.name == 'x'}", name: LATE, value: "${string(10 / params.d)}"}
  pod:
    metadata:
      annotations: {"${instance}/x": "${params.s}", "${instance}/${index}": "${cluster.?r.orValue('none')}"}
    spec:
      initContainers:
      - $position: ["after:${app.name}", "before:${pod.metadata.?labels[?'p'].orValue('none')}"]
        $when: ${params.d != 3}
        name: c-${instance}
        image: '${native ? "native" : "regular"}'
        args: ["${app.name}", "${app.?image.orValue('none')}", "${params.s}", "${optional.ofNonZeroValue(params.s)}"]
        resources: {requests: {cpu: 1m, memory: 1Mi}}
      - {$position: "after:${app.name}", name: fixed, image: b, resources: {requests: {cpu: 1m, memory: 1Mi}}}
`
	load := func() *templates.Template {
		entries := load.Load(templates.SourceDirectory, "a.yaml", []byte(text))
		if entries[0].Template == nil {
			t.Fatal(entries[0].Findings)
		}
		return entries[0].Template
	}
	render := func(tmpl *templates.Template, in templates.Input, given map[string]string) string {
		p, faults := tmpl.Bind(func(name string) (string, bool) { text, ok := given[name]; return text, ok })
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		in.Parameters = p
		out, err := tmpl.Render(&in)
		if err != nil {
			return err.Error()
		}
		return string(out.Pod.AppendJSON(out.App.Fields.AppendJSON(nil))) + fmt.Sprintf("%q", out.InitContainers)
	}
	random := rand.New(rand.NewPCG(3, 4))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	used := load()
	for range 300 {
		in := templates.Input{
			Instance: pick("a", "b", "ab"), Index: random.IntN(2), Native: random.IntN(2) == 0,
			App:     testApp{"name": pick("app", "web"), "image": pick("i", "j")},
			Pod:     testPod{pick("default", "team"), map[string]any{"metadata": map[string]any{"name": pick("x", "y"), "labels": map[string]any{"p": pick("q", "r")}}}},
			Cluster: map[string]string{"r": pick("x", "y")},
		}
		given := map[string]string{"s": pick("", "a", "1:a"), "d": pick("0", "1", "2", "3")}
		want, got := render(load(), in, given), render(used, in, given)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v %v: -fresh +used:\n%s", in, given, diff)
		}
		if again := render(used, in, given); again != got {
			t.Fatalf("a second rendering differs:\n%s", cmp.Diff(got, again))
		}
	}
}

func TestEqualSpecsShareOneProgramButNotTheirPlaces(t *testing.T) {
	const text = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: %s}
spec:
  parameters: [{name: d, type: integer, default: 1}]
  pod: {metadata: {labels: {a: "${string(10 / params.d)}"}}}
`
	loader := load.NewLoader()
	first := loader.Load(templates.SourceDirectory, "first.yaml", fmt.Appendf(nil, text, "a"))[0].Template
	second := loader.Load(templates.SourceDirectory, "second.yaml", fmt.Appendf(nil, "# above\n\n---\n"+text, "b"))[0].Template
	if first == nil || second == nil || first.Program() != second.Program() {
		t.Fatalf("programs of %v and %v", first, second)
	}
	p, _ := second.Bind(func(string) (string, bool) { return "0", true })
	_, err := second.Render(second.SampleInput(p))
	var fault *program.Error
	if !errors.As(err, &fault) || fault.File != "second.yaml" || fault.Line != 9 || second.Name != "b" {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff(first.Revision, second.Revision); diff != "" {
		t.Error(diff)
	}
}

func TestAKeptRenderingDoesNotKeepThePod(t *testing.T) {
	tmpl, in := configSync(t)
	var out *templates.Rendered
	held := func() weak.Pointer[testPod] {
		pod := &testPod{"kept", map[string]any{"spec": map[string]any{}}}
		in.Pod = pod
		var err error
		if out, err = tmpl.Render(in); err != nil {
			t.Fatal(err)
		}
		in.Pod = nil
		return weak.Make(pod)
	}()
	for range 20 {
		if runtime.GC(); held.Value() == nil {
			break
		}
	}
	if held.Value() != nil {
		t.Error("the pod is still reachable")
	}
	runtime.KeepAlive(tmpl)
	runtime.KeepAlive(out)
}

func TestKeptRenderingsTellPodsApartWhoseFieldsAreAbsentForOtherReasons(t *testing.T) {
	tmpl := one(t, templates.SourceDirectory, clusterKind, "", "a", `{pod: {metadata: {labels: {probe: "${has(app.livenessProbe.httpGet) ? 'http' : 'other'}"}}}}`).Template
	render := func(app testApp) error {
		in := tmpl.SampleInput(templates.Parameters{})
		in.App = app
		_, err := tmpl.Render(in)
		return err
	}
	with, without := testApp{"name": "a", "livenessProbe": map[string]any{"exec": map[string]any{}}}, testApp{"name": "a"}
	before := render(without)
	if err := render(with); err != nil {
		t.Fatal(err)
	}
	if after := render(without); (before == nil) != (after == nil) {
		t.Errorf("before %v, after another pod %v", before, after)
	}
}

func TestKeptRenderingsTellIndexAndParametersApart(t *testing.T) {
	tmpl := one(t, templates.SourceDirectory, clusterKind, "", "a", `{parameters: [{name: a, type: string}, {name: b, type: string}], pod: {metadata: {annotations: {x: "${index}|${params.a}|${params.b}"}}}}`).Template
	render := func(index int, a, b string) string {
		p, _ := tmpl.Bind(func(name string) (string, bool) { return map[string]string{"a": a, "b": b}[name], true })
		in := tmpl.SampleInput(p)
		in.Index = index
		out, err := tmpl.Render(in)
		if err != nil {
			t.Fatal(err)
		}
		return out.Pod.Object("metadata").Object("annotations").Text("x")
	}
	z := strings.Repeat("z", 17)
	if a, b := render(1, "abc19:"+z, ""), render(12, "abc", z+"0:"); a == b {
		t.Errorf("both are %s", a)
	}
}

type testPod struct {
	namespace string
	object    map[string]any
}

func (p testPod) Name() string {
	metadata, _ := p.object["metadata"].(map[string]any)
	name, _ := metadata["name"].(string)
	return name
}
func (p testPod) Namespace() string               { return p.namespace }
func (p testPod) Object() (map[string]any, error) { return p.object, nil }
func (p testPod) Raw(fields []string) []byte      { return rawAt(p.object, fields) }

// testApp is a decoded container.
type testApp map[string]any

func (a testApp) Name() string                    { name, _ := a["name"].(string); return name }
func (a testApp) Object() (map[string]any, error) { return a, nil }
func (a testApp) Raw(fields []string) []byte      { return rawAt(map[string]any(a), fields) }

// rawAt returns the JSON of the value at a path; nil if there is none.
func rawAt(value any, fields []string) []byte {
	for _, field := range fields {
		object, _ := value.(map[string]any)
		if value = object[field]; value == nil {
			return nil
		}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // it came from JSON
	}
	return raw
}
