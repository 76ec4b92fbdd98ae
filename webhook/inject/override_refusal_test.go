package inject_test

import (
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

const openTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: open}
spec:
  overrides: [resources, env, image, imagePullPolicy, livenessProbe, ports]
  pod:
    spec:
      initContainers:
      - name: open
        restartPolicy: Always
        image: "example.com/open:1"
        env: [{name: TEXT, value: x}, {name: FIELD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
        livenessProbe: {exec: {command: [ok]}}
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 32Mi}}
`

// TestAnOverrideThatTheAPIServerWouldRefuseIsToldAtItsAnnotation: otherwise the pod's author
// reads of a container that he never wrote.
func TestAnOverrideThatTheAPIServerWouldRefuseIsToldAtItsAnnotation(t *testing.T) {
	set := builtinSet(t, openTemplate)
	for override, want := range map[string]string{
		`resources: null`:                        "resources is null",
		`env: [{name: TEXT, value: null}]`:       "env[0].value is null",
		`resources: {limits: {memory: null}}`:    "resources.limits.memory is null",
		`env: [{name: FIELD, value: x}]`:         `variable "FIELD" has value and valueFrom`,
		`env: [{name: "a=b", value: x}]`:         `"a=b" cannot name a variable`,
		`resources: {requests: {cpu: -1}}`:       `resources.requests.cpu is "-1", less than zero`,
		`resources: {requests: {memory: 64Mi}}`:  `resources.requests.memory is "64Mi", above the limit "32Mi"`,
		`resources: {limits: {cpu: 1m}}`:         `resources.requests.cpu is "10m", above the limit "1m"`,
		`image: ""`:                              `image is ""`,
		`imagePullPolicy: Sometimes`:             `imagePullPolicy is "Sometimes"`,
		`livenessProbe: {tcpSocket: {port: 80}}`: "livenessProbe does 2 things",
		`ports: [{containerPort: 70000}]`:        "containerPort is 70000",
		`env: [{name: BOTH, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: a, key: b}}}]`: `variable "BOTH" has 2 sources`,
	} {
		result := run(t, set, annotated(t, map[string]any{inject.RequestAnnotation: "open", "open.sidecar-injector.dev/override": override}))
		if result.Outcome != inject.Refused || len(result.Faults) == 0 {
			t.Errorf("%s: %s", override, result.Outcome)
			continue
		}
		for _, f := range result.Faults {
			if f.Reason != inject.BadOverride || f.Place != `metadata.annotations["open.sidecar-injector.dev/override"]` || f.Fix == "" {
				t.Errorf("%s: %+v", override, f)
			}
		}
		if !strings.Contains(result.Message(), want) {
			t.Errorf("%s: want %q in %s", override, want, result.Message())
		}
	}
	for _, override := range []string{
		`resources: {requests: {memory: 64Mi}, limits: {memory: 64Mi}}`,
		`env: [{name: TEXT, value: ""}, {name: NEW, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]`,
		`livenessProbe: {periodSeconds: 5}`,
		`{}`,
	} {
		if result := run(t, set, annotated(t, map[string]any{inject.RequestAnnotation: "open", "open.sidecar-injector.dev/override": override})); result.Outcome != inject.Injected {
			t.Errorf("%s: %s", override, result.Message())
		}
	}
}

func TestManyWrongFieldsAreFewFaults(t *testing.T) {
	var fields []string
	for i := range 900 {
		fields = append(fields, "f"+strings.Repeat("x", i%3)+string(rune('a'+i%26))+string(rune('a'+i/26%26))+": 1")
	}
	result := run(t, builtinSet(t, openTemplate), annotated(t, map[string]any{inject.RequestAnnotation: "open",
		"open.sidecar-injector.dev/override": "{" + strings.Join(fields, ", ") + "}"}))
	if n := len(result.Faults); n == 0 || n > 65 {
		t.Errorf("%d faults", n)
	}
}
