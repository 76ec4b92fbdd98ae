package inject_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const tinyTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: tiny}
spec:
  app: {lifecycle: {preStop: {sleep: {seconds: 1}}}}
  pod:
    metadata: {annotations: {kubectl.kubernetes.io/default-container: tiny}}
    spec:
      containers: [{name: tiny, image: "example.com/tiny:1", resources: {requests: {cpu: 1m, memory: 1Mi}}}]
`

// annotated returns a pod of one container with annotations.
func annotated(t *testing.T, annotations map[string]any) []byte {
	t.Helper()
	return marshal(t, map[string]any{
		"metadata": map[string]any{"annotations": annotations},
		"spec": map[string]any{
			"initContainers": []any{map[string]any{"name": "z"}},
			"containers":     []any{map[string]any{"name": "web", "lifecycle": map[string]any{"preStop": nil}}},
		},
	})
}

func TestAForgedStatusMakesNoReason(t *testing.T) {
	result := run(t, builtinSet(t, tinyTemplate), annotated(t, map[string]any{
		inject.RequestAnnotation: "tiny",
		inject.StatusAnnotation:  `{"tiny":{"leftOut":"a reason of my own"}}`,
	}))
	if result.Outcome != inject.Injected || result.Instances[0].Reason != inject.Annotation {
		t.Errorf("%s %s", result.Outcome, result.Instances[0].Reason)
	}
}

func TestAForgedStatusIsRepairedOnceAtMost(t *testing.T) {
	names := strings.TrimSuffix(strings.Repeat(`"z",`, 10_000), ",")
	result := run(t, builtinSet(t), annotated(t, map[string]any{inject.StatusAnnotation: `{"x":{"sidecars":[` + names + `]}}`}))
	if len(result.Operations) != 0 {
		t.Errorf("%d operations", len(result.Operations))
	}
}

func TestFloodsOfEntriesAndParametersAreFewFaults(t *testing.T) {
	annotations := map[string]any{inject.RequestAnnotation: strings.Repeat(",", 200_000)}
	if n := len(run(t, builtinSet(t), annotated(t, annotations)).Faults); n != 1 {
		t.Errorf("%d faults of one annotation", n)
	}
	annotations = map[string]any{inject.RequestAnnotation: "tiny"}
	for i := range 500 {
		annotations["tiny.sidecar-injector.dev/p"+strings.Repeat("x", i)] = "v"
	}
	result := run(t, builtinSet(t, tinyTemplate), annotated(t, annotations))
	if n := len(result.Faults); n == 0 || n > 32 {
		t.Errorf("%d faults of 500 unknown parameters", n)
	}
}

// TestItemsTakeNoMoreMemoryThanTheirTextEarns: a container of {} would take eighty times as much. The API
// server writes none, as it writes all fields that a container must have.
func TestItemsTakeNoMoreMemoryThanTheirTextEarns(t *testing.T) {
	const app = `"containers":[{"name":"web"`
	many := func(item string) string {
		return "[" + strings.TrimSuffix(strings.Repeat(item+",", 1<<20/len(item)), ",") + "]"
	}
	for spec, good := range map[string]bool{
		`"containers":` + many(`{}`):                                           false,
		`"initContainers":` + many(`{}`):                                       false,
		app + `,"volumeMounts":` + many(`{}`) + `}]`:                           false,
		app + `,"ports":` + many(`{}`) + `}]`:                                  false,
		app + `,"env":` + many(`{"":0}`) + `}]`:                                false,
		app + `,"future":` + many(`{"a":{"":0}}`) + `}]`:                       false,
		app + `,"env":` + many(`{"name":""}`) + `}]`:                           true,
		app + `}],"hostAliases":` + many(`{"ip":""}`):                          true,
		app + `,"env":` + many(`{}`) + `}]`:                                    true,
		app + `,"envFrom":` + many(`{}`) + `}]`:                                true,
		app + `,"volumeMounts":` + many(`{"name":"","mountPath":""}`) + `}]`:   true,
		app + `}],"tolerations":` + many(`{}`):                                 true,
		app + `}],"imagePullSecrets":` + many(`{}`):                            true,
		app + `}],"securityContext":{"supplementalGroups":` + many(`0`) + `}`:  true,
		`"containers":` + many(`{"name":"","resources":{}}`):                   true,
		`"containers":` + `[{},` + strings.Repeat(`{},`, 98) + `{"name":"a"}]`: true,
	} {
		pod := `{"metadata":{"annotations":{"sidecar-injector.dev/inject":"tiny"}},"spec":{` + spec + `}}`
		_, err := inject.Inject(builtinSet(t, tinyTemplate), &inject.Settings{}, &inject.Request{Pod: []byte(pod), Namespace: inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}})
		if malformed := (*inject.MalformedPodError)(nil); errors.As(err, &malformed) == good {
			t.Errorf("%.60s…: %v", spec, err)
		}
	}
}

func TestATemplatesOwnDefaultContainerStays(t *testing.T) {
	set := builtinSet(t, tinyTemplate)
	pod := annotated(t, map[string]any{inject.RequestAnnotation: "tiny"})
	result := run(t, set, pod)
	metadata := decode(t, apply(t, pod, result)).(map[string]any)["metadata"].(map[string]any)
	if got := metadata["annotations"].(map[string]any)["kubectl.kubernetes.io/default-container"]; got != "tiny" {
		t.Errorf("default container %v: %s", got, result.Patch())
	}
	if !strings.Contains(string(result.Patch()), "/lifecycle/preStop") {
		t.Errorf("a null hook counts as the app's own: %s", result.Patch())
	}
}

// TestTheTemplatesOfAPodHaveNoMoreExpressionsThanArePlannedInTime: only the latest plans of all pods are kept, so that
// a pod may need them all anew.
func TestTheTemplatesOfAPodHaveNoMoreExpressionsThanArePlannedInTime(t *testing.T) {
	args := repeated(480, func(i int) string { return fmt.Sprintf(`"${instance + '%d'}"`, i) })
	var files []string
	for i := range 7 {
		files = append(files, fmt.Sprintf(`
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: p%d}
spec: {pod: {spec: {containers: [{name: "${instance}", image: "example.com/p:1", args: [%s], resources: {requests: {cpu: 1m, memory: 1Mi}}}]}}}
`, i, args))
	}
	set := builtinSet(t, files...)
	for request, want := range map[string]inject.Reason{
		"p0, p1, p2, p3, p4":                       inject.Annotation,
		"a=p0, b=p0, c=p0, d=p0, e=p0, f=p0, g=p0": inject.Annotation,
		"p0, p1, p2, p3, p4, p5, p6":               inject.BudgetExceeded,
	} {
		if result := run(t, set, asking(t, map[string]any{inject.RequestAnnotation: request}, 1, nil)); result.Reason != want {
			t.Errorf("%s: %s %s: %s", request, result.Outcome, result.Reason, result.Message())
		}
	}
}

// TestToCompareWithALongValueIsWorkByItsLength: any number of volumes may have the name of one of the pod.
func TestToCompareWithALongValueIsWorkByItsLength(t *testing.T) {
	const namesakes = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: namesakes}
spec: {pod: {spec: {volumes: [%s]}}}
`
	volumes := repeated(64, func(i int) string {
		return fmt.Sprintf(`{name: "${pod.metadata.?labels[?'v'].orValue('v%d')}", emptyDir: {}}`, i)
	})
	set := builtinSet(t, fmt.Sprintf(namesakes, volumes))
	for bytes, want := range map[int]inject.Reason{100: inject.Conflict, 1 << 20: inject.BudgetExceeded} {
		result := run(t, set, marshal(t, map[string]any{
			"metadata": map[string]any{"annotations": map[string]any{inject.RequestAnnotation: "namesakes"}, "labels": map[string]any{"v": "own"}},
			"spec": map[string]any{
				"containers": []any{map[string]any{"name": "web"}},
				"volumes":    []any{map[string]any{"name": "own", "hostPath": map[string]any{"path": strings.Repeat("x", bytes)}}},
			},
		}))
		if result.Outcome != inject.Refused || result.Reason != want {
			t.Errorf("%d bytes: %s %s: %s", bytes, result.Outcome, result.Reason, result.Message())
		}
	}
}
