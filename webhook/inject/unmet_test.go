package inject_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const freeTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: free}
spec:
  overrides: [resources]
  parameters:
  - {name: team, type: string, default: a}
  - {name: cpu, type: string, default: 1m}
  - {name: image, type: string, default: "example.com/free:1"}
  - {name: folder, type: string, default: /data}
  - {name: period, type: integer, default: 1}
  - {name: variable, type: string, default: A}
  app:
    env: [{name: "${params.variable}", value: x}]
  pod:
    metadata: {labels: {team: "${params.team}"}}
    spec:
      initContainers:
      - name: free
        restartPolicy: Always
        image: ${params.image}
        startupProbe: {exec: {command: [ok]}, periodSeconds: "${params.period}"}
        resources: {requests: {cpu: "${params.cpu}", memory: 16Mi}, limits: {cpu: 10m, memory: 32Mi}}
        volumeMounts: [{name: free-data, mountPath: "${params.folder}"}, {name: free-state, mountPath: /state}]
      volumes: [{name: free-data, emptyDir: {sizeLimit: 1Mi}}, {name: free-state, emptyDir: {sizeLimit: 1Mi}}]
`

// TestAParameterThatTheAPIServerWouldRefuseIsToldAtItsAnnotation, for the second pod of a workload, which has
// the rendering of the first, as well.
func TestAParameterThatTheAPIServerWouldRefuseIsToldAtItsAnnotation(t *testing.T) {
	set := builtinSet(t, freeTemplate)
	const container = `with it, container "free": `
	for _, c := range []struct{ parameter, value, want string }{
		{"team", "a b", `with it, the pod: metadata.labels.team: "a b" is no value of a label`},
		{"cpu", "20m", container + `resources.requests.cpu: request "20m" is above the limit "10m"`},
		{"cpu", "-1", container + `resources.requests.cpu: "-1" is less than zero`},
		{"image", "", container + "image is missing"},
		{"folder", "", container + "volumeMounts[0]: mountPath is missing"},
		{"folder", "/state", container + `volumeMounts[1].mountPath: path "/state" is mounted twice: volume "free-state" here, and volume "free-data" by volumeMounts[0]`},
		{"folder", "/a/../state/", `path "/state" is mounted twice`},
		{"period", "-1", container + "startupProbe.periodSeconds: -1 is less than 0"},
		{"variable", "a=b", `with it, the app's container: env[0].name: "a=b" cannot name a variable`},
	} {
		place := "free.sidecar-injector.dev/" + c.parameter
		pod := annotated(t, map[string]any{inject.RequestAnnotation: "free", place: c.value})
		for range 2 {
			result := run(t, set, pod)
			if result.Outcome != inject.Refused || len(result.Faults) != 1 {
				t.Errorf("%s: %q: %s: %s", c.parameter, c.value, result.Outcome, result.Message())
				continue
			}
			f := result.Faults[0]
			if f.Reason != inject.BadParameter || f.Place != `metadata.annotations["`+place+`"]` || f.Fix == "" || !strings.Contains(f.Message, c.want) {
				t.Errorf("%s: %q: %+v", c.parameter, c.value, f)
			}
		}
	}
}

func TestOfSeveralParametersTheRequestIsThePlace(t *testing.T) {
	result := run(t, builtinSet(t, freeTemplate), annotated(t, map[string]any{inject.RequestAnnotation: "free",
		"free.sidecar-injector.dev/cpu": "20m", "free.sidecar-injector.dev/team": "b"}))
	if len(result.Faults) != 1 || result.Faults[0].Place != `metadata.annotations["`+inject.RequestAnnotation+`"]` {
		t.Errorf("%+v", result.Faults)
	}
}

// TestAnOverrideIsCheckedInPlaceOfTheParameters: it mends what they made, or else nothing is told twice.
func TestAnOverrideIsCheckedInPlaceOfTheParameters(t *testing.T) {
	set := builtinSet(t, freeTemplate)
	for override, want := range map[string]inject.Reason{
		"resources: {limits: {cpu: 30m}}":     "",
		"resources: {limits: {memory: 64Mi}}": inject.BadParameter, // the override did not bring it
		"resources: {limits: {cpu: 5m}}":      inject.BadOverride,  // another limit, another message
	} {
		result := run(t, set, annotated(t, map[string]any{inject.RequestAnnotation: "free",
			"free.sidecar-injector.dev/cpu": "20m", "free.sidecar-injector.dev/override": override}))
		switch {
		case want == "" && result.Outcome == inject.Injected:
		case len(result.Faults) != 1 || result.Faults[0].Reason != want:
			t.Errorf("%s: %+v", override, result.Faults)
		}
	}
}
