package inject_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func TestTheFirstInstancesCanBeHadAlone(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(needyTemplate)))
	pod := []byte(`{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":{"sidecar-injector.dev/inject":"a=needy,b=needy,c=needy",` +
		`"a.sidecar-injector.dev/what":"pods","b.sidecar-injector.dev/what":"secrets","c.sidecar-injector.dev/what":"nodes"}},"spec":{"containers":[{"name":"app","image":"app"}]}}`)
	after := func(first int) []byte {
		t.Helper()
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, First: first})
		if err != nil {
			t.Fatal(err)
		}
		return apply(t, pod, result)
	}
	containers := func(text []byte) int {
		var pod corev1.Pod
		if err := json.Unmarshal(text, &pod); err != nil {
			t.Fatal(err)
		}
		return len(pod.Spec.Containers)
	}
	for first, want := range map[int]int{1: 2, 2: 3, 3: 4, 9: 4, 0: 4} {
		if got := containers(after(first)); got != want {
			t.Errorf("with the first %d: %d containers, want %d", first, got, want)
		}
	}
}

func TestEvaluationsAreToldToWhoeverAsksAndDecideNothing(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(needyTemplate)))
	pod := []byte(`{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":{"sidecar-injector.dev/inject":"needy","needy.sidecar-injector.dev/what":"pods"}},` +
		`"spec":{"containers":[{"name":"app","image":"app"}]}}`)
	decide := func(evaluations bool) *inject.Result {
		t.Helper()
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, Evaluations: evaluations})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	asked, unasked := decide(true), decide(false)
	if in := asked.Instances[0]; len(in.Evaluations) == 0 || len(in.Variables) == 0 || in.Evaluations[0].Value != "needy-needy-0" {
		t.Errorf("evaluations %+v", in.Evaluations)
	}
	if diff := cmp.Diff(unasked, asked, cmpopts.IgnoreFields(inject.Instance{}, "Evaluations", "Variables", "Template"), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("to be asked changes the answer: %s", diff)
	}
}
