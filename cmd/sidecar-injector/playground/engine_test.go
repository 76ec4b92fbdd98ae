package playground

import (
	"encoding/json"
	"strings"
	"testing"

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
			answer := engine.Answer(&example.Request)
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
			answer := engine.Answer(&of.request)
			for _, f := range answer.Findings {
				if f.File == of.want.File && f.Line == of.want.Line && (of.want.Column == 0 || f.Column == of.want.Column) {
					return
				}
			}
			t.Errorf("want a finding at %+v, got %+v", of.want, answer.Findings)
		})
	}
}

func TestTextThatIsTooLargeGetsASentence(t *testing.T) {
	engine := newEngine(t)
	large := strings.Repeat("# nothing\n", 5<<20/10)
	for name, r := range map[string]Request{"pod": {Pod: large}, "namespace": {Namespace: large}, "templates": {Templates: large}} {
		if answer := engine.Answer(&r); !strings.Contains(answer.Error, name) || !strings.Contains(answer.Error, "shorten it") {
			t.Errorf("%s: %q", name, answer.Error)
		}
	}
}

func TestWhatIsNoRequestGetsASentence(t *testing.T) {
	engine := newEngine(t)
	for _, request := range []string{"", "{", `{"pod": 7}`, "[]", "null\x00"} {
		var answer Answer
		if err := json.Unmarshal(engine.AnswerJSON([]byte(request)), &answer); err != nil || answer.Error == "" {
			t.Errorf("%q: %+v, %v", request, answer, err)
		}
	}
}
