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

// TestAnOverrideThatTheAPIServerWouldRefuseIsToldAtItsAnnotation: otherwise the API server's message would
// be about a container that the pod's author did not write.
func TestAnOverrideThatTheAPIServerWouldRefuseIsToldAtItsAnnotation(t *testing.T) {
	set := builtinSet(t, openTemplate)
	for override, want := range map[string]string{
		`resources: null`:                        "resources is null",
		`env: [{name: TEXT, value: null}]`:       "env[0].value is null",
		`resources: {limits: {memory: null}}`:    "resources.limits.memory is null",
		`env: [{name: FIELD, value: x}]`:         `variable "FIELD" has value and valueFrom`,
		`env: [{name: "a=b", value: x}]`:         `"a=b" cannot name a variable`,
		`resources: {requests: {cpu: -1}}`:       `resources.requests.cpu: "-1" is less than zero`,
		`resources: {requests: {memory: 64Mi}}`:  `resources.requests.memory: request "64Mi" is above the limit "32Mi"`,
		`resources: {limits: {cpu: 1m}}`:         `resources.requests.cpu: request "10m" is above the limit "1m"`,
		`image: ""`:                              `image is missing`,
		`imagePullPolicy: Sometimes`:             `imagePullPolicy: "Sometimes" is not known`,
		`livenessProbe: {tcpSocket: {port: 80}}`: "livenessProbe: exec and tcpSocket exclude each other",
		`ports: [{containerPort: 70000}]`:        "ports[0].containerPort: 70000 is no port",
		`env: [{name: BOTH, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: a, key: b}}}]`: `env[2].valueFrom: fieldRef and secretKeyRef exclude each other`,
		`resources: {limits: {hugepages-2Mi: 3Mi}}`:                                                               `resources.limits.hugepages-2Mi: "3Mi" is no whole number of pages of 2Mi`,
		`resources: {requests: {hugepages-2Mi: 4Mi}}`:                                                             `what is requested of "hugepages-2Mi" has to be its limit too`,
		`resources: {limits: {hugepages-huge: 4Mi}}`:                                                              `"hugepages-huge" is no resource of a container`,
		`resources: {requests: {nvidia.com/gpu: 1}}`:                                                              `what is requested of "nvidia.com/gpu" has to be its limit too`,
		`resources: {limits: {nvidia.com/gpu: 1.5}}`:                                                              `"1.5" is no whole number`,
		`resources: {limits: {nvidia.com/gpu: 2}, requests: {nvidia.com/gpu: 1}}`:                                 `request "1" is not the limit "2"`,
		`resources: {limits: {gpu: 1}}`:                                                                           `"gpu" is no resource of a container`,
		`resources: {limits: {storage: 1Gi}}`:                                                                     `"storage" is no resource of a container`,
		`resources: {limits: {"a b": 1}}`:                                                                         `"a b" is no resource of a container`,
		`resources: {limits: {requests.example.com/foo: 1}}`:                                                      `"requests.example.com/foo" is no resource of a container`,
		`resources: {claims: [{name: x}]}`:                                                                        `resources.claims[0] names "x", which is none of the pod's resourceClaims`,
		`env: [{name: A, valueFrom: {fieldRef: {fieldPath: status.phase}}}]`:                                      `"status.phase" cannot stand here`,
		`env: [{name: A, valueFrom: {secretKeyRef: {name: A}}}]`:                                                  "secretKeyRef: key is missing",
		`env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 3}}}]`:                     `"3" divides no "limits.cpu"`,
		`livenessProbe: {periodSeconds: -1}`:                                                                      "-1 is less than 0",
		`livenessProbe: {successThreshold: 2}`:                                                                    "2 is too many successes for a livenessProbe",
		`livenessProbe: {exec: {command: []}}`:                                                                    "livenessProbe.exec: command is missing",
		`ports: [{containerPort: 81, hostPort: 82}, {containerPort: 83, hostPort: 82}]`:                           "host port 82 is there twice",
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
