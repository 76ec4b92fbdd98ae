package playground

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func newEngine(t *testing.T) *Engine {
	t.Helper()
	given, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	return NewEngine(given, &inject.Settings{})
}

func examplesByTitle(t *testing.T) []Example {
	t.Helper()
	c, err := NewCatalogue()
	if err != nil {
		t.Fatal(err)
	}
	return c.Examples
}

func TestEachExampleIsWhatItsTitleSays(t *testing.T) {
	engine := newEngine(t)
	for _, example := range examplesByTitle(t) {
		t.Run(example.Title, func(t *testing.T) {
			example.Steps = true
			answer := engine.Answer(t.Context(), &example.Request)
			want := inject.Injected
			switch {
			case strings.HasPrefix(example.Title, "Refused"):
				want = inject.Refused
			case strings.HasPrefix(example.Title, "Skipped"):
				want = inject.Skipped
			}
			if len(answer.Pods) != 1 || answer.Pods[0].Outcome != want {
				t.Fatalf("want one pod, %s; got %+v", want, answer)
			}
			pod := answer.Pods[0]
			if injected := len(pod.Steps) - 1; want == inject.Injected && (injected != len(pod.Explanation.Instances) || len(pod.Values) != injected) {
				t.Errorf("%d instances, %d steps, values of %d", len(pod.Explanation.Instances), injected, len(pod.Values))
			}
			if pod.Verdict == "" || want == inject.Refused && len(answer.Findings) == 0 {
				t.Errorf("verdict %q, findings %+v", pod.Verdict, answer.Findings)
			}
			if changes := want == inject.Injected; (answer.Diff != "") != changes || (answer.Pods[0].Patch != "") != changes {
				t.Errorf("want changes: %t; the diff is %q, the patch %q", changes, answer.Diff, answer.Pods[0].Patch)
			}
		})
	}
}

func TestAFaultHasItsPlaceInItsText(t *testing.T) {
	engine := newEngine(t)
	for name, of := range map[string]struct {
		request Request
		want    Finding
	}{
		"pod": {
			Request{Pod: "apiVersion: v1\nkind: Pod\nmetadata: {name: web\n"},
			Finding{File: PodFile, Line: 3},
		},
		"namespace": {
			Request{Namespace: "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: 7\n"},
			Finding{File: NamespaceFile, Line: 4, Column: 9},
		},
		"template": {
			Request{Templates: "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: a}\nspec:\n  pod:\n    spec:\n      volumes:\n      - {name: x, emptyDir: {}}\n      - name: ${params.x}\n"},
			Finding{File: TemplatesFile, Line: 9, Column: 24},
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := engine.Answer(t.Context(), &of.request)
			for _, f := range answer.Findings {
				if f.File == of.want.File && f.Line == of.want.Line && (of.want.Column == 0 || f.Column == of.want.Column) {
					return
				}
			}
			t.Errorf("want a finding at %+v, got %+v", of.want, answer.Findings)
		})
	}
}

// What fails for the pod at hand is marked in the template at its character.
func TestWhatFailsForThePodHasItsPlaceInTheTemplate(t *testing.T) {
	const template = "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own}\nspec:\n  pod:\n    metadata:\n      annotations:\n        "
	pod := pods(1, 0, "taken=own")
	for text, column := range map[string]int{
		`a: "for ${app.name} at ${app.ports[0].containerPort}"`: 38, // the app has no ports
		`a: '${app.ports[0].name}'`:                             19,
		"a: ${app.image.split('@')[1]}":                         34, // the image has no digest
		`"${instance}": b` + "\n        taken: c":               10, // a key that is there already
	} {
		answer := newEngine(t).Answer(t.Context(), &Request{Pod: pod, Templates: template + text + "\n"})
		if !slices.ContainsFunc(answer.Findings, func(f Finding) bool {
			return f.File == TemplatesFile && f.Line == 8 && f.Column == column && f.Reason == string(inject.TemplateInvalid)
		}) {
			t.Errorf("%s: want a finding at 8:%d, got %+v", text, column, answer.Findings)
		}
	}
}

// A conflict of two instances is marked at the annotation that requests them.
func TestAConflictHasThePlaceOfItsRequest(t *testing.T) {
	const asks = "  annotations: {sidecar-injector.dev/inject: \"a=own, b=own\"}\n"
	const pod = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n%sspec:\n  containers:\n  - {name: web, image: web:1}\n"
	const namespace = "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n  labels: {sidecar-injector.dev/injection: enabled}\n%s"
	const template = "apiVersion: sidecar-injector.dev/v1alpha1\nkind: ClusterSidecarTemplate\nmetadata: {name: own}\nspec:\n  pod:\n    spec:\n      containers:\n" +
		"      - {name: \"${app.name}-${instance}\", image: \"own:1\", ports: [{containerPort: 80}], resources: {requests: {cpu: 1m, memory: 1Mi}}}\n"
	for file, request := range map[string]Request{
		PodFile:       {Pod: fmt.Sprintf(pod, asks), Templates: template},
		NamespaceFile: {Pod: fmt.Sprintf(pod, ""), Namespace: fmt.Sprintf(namespace, asks), Templates: template},
	} {
		answer := newEngine(t).Answer(t.Context(), &request)
		line := 5 + strings.Count(request.Namespace, "\n  labels")
		if !slices.ContainsFunc(answer.Findings, func(f Finding) bool {
			return f.File == file && f.Line == line && f.Column == 17 && f.Reason == string(inject.Conflict)
		}) {
			t.Errorf("%s: want a conflict at %d:17, got %+v", file, line, answer.Findings)
		}
	}
}

func TestTextThatIsTooLargeGetsASentence(t *testing.T) {
	engine := newEngine(t)
	large := strings.Repeat("# nothing\n", 5<<20/10)
	for name, r := range map[string]Request{"pod": {Pod: large}, "namespace": {Namespace: large}, "templates": {Templates: large}} {
		if answer := engine.Answer(t.Context(), &r); !strings.Contains(answer.Error, name) || !strings.Contains(answer.Error, "shorten it") {
			t.Errorf("%s: %q", name, answer.Error)
		}
	}
}

// A template's own variables are shown with their values, including unused ones and those that fail.
func TestTheVariablesOfATemplateAreShown(t *testing.T) {
	request := &Request{
		Pod: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {sidecar-injector.dev/inject: own}\nspec:\n  containers:\n  - {name: web, image: web:1, ports: [{name: http, containerPort: 8080}]}\n",
		Templates: `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: own}
spec:
  variables:
  - {name: port, expression: "app.ports[0].containerPort"}
  - {name: twice, expression: "variables.port * 2"}
  - {name: names, expression: "pod.spec.containers.map(c, c.name)"}
  - {name: ports, expression: "app.ports"}
  - {name: byName, expression: "{'http': app.ports[0]}"}
  - {name: first, expression: "pod.spec.containers[0]"}
  - {name: missing, expression: "pod.spec.volumes[3].name"}
  pod:
    spec:
      initContainers:
      - {name: own, restartPolicy: Always, image: "own:1", args: ["${variables.twice}"], resources: {requests: {cpu: 1m, memory: 1Mi}}}
`}
	var answer Answer
	text, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(newEngine(t).AnswerJSON(t.Context(), text), &answer); err != nil || len(answer.Pods) != 1 || len(answer.Pods[0].Values) != 1 {
		t.Fatalf("%+v: %v", answer, err)
	}
	got := map[string]string{}
	for _, v := range answer.Pods[0].Values[0].Variables {
		if strings.HasPrefix(v.Name, "variables.") {
			value, err := json.Marshal(v.Value)
			if err != nil {
				t.Fatal(err)
			}
			got[v.Name] = string(value) + v.Message
		}
	}
	port := `{"containerPort":8080,"name":"http"}`
	want := map[string]string{
		"variables.port": "8080", "variables.twice": "16160", "variables.names": `["web"]`, "variables.ports": "[" + port + "]", "variables.byName": `{"http":` + port + "}",
		"variables.first": `{"image":"web:1","name":"web","ports":[` + port + "]}",
	}
	message := got["variables.missing"]
	delete(got, "variables.missing")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !strings.HasPrefix(message, "null") || !strings.Contains(message, "templates.yaml:12:") {
		t.Errorf("the one that fails: %q", message)
	}
	for _, x := range answer.Pods[0].Values[0].Expressions {
		if strings.Contains(x.Source, "volumes[3]") {
			t.Errorf("what nothing reads is counted: %+v", x)
		}
	}
}

func TestWhatIsNoRequestGetsASentence(t *testing.T) {
	engine := newEngine(t)
	for _, request := range []string{"", "{", `{"pod": 7}`, "[]", "null\x00"} {
		var answer Answer
		if err := json.Unmarshal(engine.AnswerJSON(t.Context(), []byte(request)), &answer); err != nil || answer.Error == "" {
			t.Errorf("%q: %+v, %v", request, answer, err)
		}
	}
}

// Only the pod differs between answers, as while a user edits it.
func BenchmarkAnswer(b *testing.B) {
	given, err := BuiltIn()
	if err != nil {
		b.Fatal(err)
	}
	c, err := NewCatalogue()
	if err != nil {
		b.Fatal(err)
	}
	engine, r := NewEngine(given, &inject.Settings{}), c.Examples[0].Request
	for i := 0; b.Loop(); i++ {
		r.Pod = strings.Replace(c.Examples[0].Pod, "9.3.8", fmt.Sprintf("9.3.%d", i), 1)
		text, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		engine.AnswerJSON(b.Context(), text)
	}
}
