package requirement_test

import (
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// TestWhatTheAPIServerRefusesIsFound has rows that a real API server refused, or admitted, as a part of a
// pod; want is the path of the fault, "" for none.
func TestWhatTheAPIServerRefusesIsFound(t *testing.T) {
	for part, want := range map[string]string{
		`resources: {limits: {hugepages-2Mi: 4Mi}}`:                                                                        "",
		`resources: {limits: {hugepages-2Mi: 3Mi}}`:                                                                        "resources.limits.hugepages-2Mi",
		`resources: {limits: {hugepages-2Mi: 4Mi}, requests: {hugepages-2Mi: 2Mi}}`:                                        "resources.requests.hugepages-2Mi",
		`resources: {limits: {nvidia.com/gpu: 2}}`:                                                                         "",
		`resources: {limits: {nvidia.com/gpu: "500m"}}`:                                                                    "resources.limits[nvidia.com/gpu]",
		`resources: {requests: {nvidia.com/gpu: 1}}`:                                                                       "resources.requests[nvidia.com/gpu]",
		`resources: {requests: {foo.kubernetes.io/bar: "500m"}}`:                                                           "",
		`resources: {requests: {cpu: 1, memory: 0.5}}`:                                                                     "",
		`resources: {limits: {pods: 1}}`:                                                                                   "resources.limits.pods",
		`resources: {limits: {example.com/x/y: 1}}`:                                                                        "resources.limits[example.com/x/y]",
		`resources: {requests: {cpu: -1}}`:                                                                                 "resources.requests.cpu",
		`env: [{name: A, valueFrom: {fieldRef: {fieldPath: "metadata.labels['a']"}}}]`:                                     "",
		`env: [{name: A, valueFrom: {fieldRef: {fieldPath: "metadata.labels['a b']"}}}]`:                                   "env[0].valueFrom.fieldRef.fieldPath",
		`env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.labels}}}]`:                                            "env[0].valueFrom.fieldRef.fieldPath",
		`env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]`:                         "",
		`env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1Mi}}}]`:                            "env[0].valueFrom.resourceFieldRef.divisor",
		`env: [{name: A, valueFrom: {configMapKeyRef: {name: a, key: ..}}}]`:                                               "env[0].valueFrom.configMapKeyRef.key",
		`env: [{name: A, valueFrom: {}}]`:                                                                                  "env[0].valueFrom",
		`envFrom: [{secretRef: {name: a}, prefix: "a=b"}]`:                                                                 "envFrom[0].prefix",
		`livenessProbe: {exec: {command: [a]}, successThreshold: 2}`:                                                       "livenessProbe.successThreshold",
		`readinessProbe: {exec: {command: [a]}, successThreshold: 2}`:                                                      "",
		`readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 5}`:                                         "readinessProbe.terminationGracePeriodSeconds",
		`readinessProbe: {httpGet: {port: 80, httpHeaders: [{name: "a b", value: c}]}}`:                                    "readinessProbe.httpGet.httpHeaders[0].name",
		`readinessProbe: {tcpSocket: {}}`:                                                                                  "readinessProbe.tcpSocket",
		`lifecycle: {preStop: {sleep: {seconds: -1}}}`:                                                                     "lifecycle.preStop.sleep.seconds",
		`lifecycle: {preStop: {}}`:                                                                                         "lifecycle.preStop",
		`volumeMounts: [{name: v, mountPath: /w, subPath: a/../b}]`:                                                        "volumeMounts[0].subPath",
		`volumeMounts: [{name: v, mountPath: /w, mountPropagation: Bidirectional}]`:                                        "volumeMounts[0].mountPropagation",
		`{volumeMounts: [{name: v, mountPath: /w, mountPropagation: Bidirectional}], securityContext: {privileged: true}}`: "",
		`volumeMounts: [{name: v, mountPath: /w, recursiveReadOnly: Enabled}]`:                                             "volumeMounts[0].recursiveReadOnly",
		`{volumeMounts: [{name: v, mountPath: /w}], volumeDevices: [{name: v, devicePath: /dev/x}]}`:                       "volumeDevices[0].name",
		`securityContext: {runAsUser: 99999999999}`:                                                                        "securityContext.runAsUser",
		`securityContext: {privileged: true, allowPrivilegeEscalation: false}`:                                             "securityContext.allowPrivilegeEscalation",
		`securityContext: {capabilities: {add: [CAP_SYS_ADMIN]}, allowPrivilegeEscalation: false}`:                         "securityContext.allowPrivilegeEscalation",
		`securityContext: {capabilities: {add: [SYS_ADMIN]}, allowPrivilegeEscalation: false}`:                             "",
		`securityContext: {seccompProfile: {type: Localhost}}`:                                                             "securityContext.seccompProfile",
		`securityContext: {appArmorProfile: {type: Unconfined, localhostProfile: x}}`:                                      "securityContext.appArmorProfile.localhostProfile",
		`resizePolicy: [{resourceName: cpu}]`:                                                                              "resizePolicy[0]",
	} {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(part), &root); err != nil {
			t.Fatal(err)
		}
		container, err := program.ObjectFromJSON(manifest.JSON(root.Content[0]))
		if err != nil {
			t.Fatal(err)
		}
		container = container.With("name", "c").With("image", "i")
		got := requirement.Check(container, schema.Container(), nil)
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("%s: %s", part, got[0].Error())
		case want != "" && (len(got) != 1 || got[0].At.String() != want):
			t.Errorf("%s: want %s, got %v", part, want, got)
		}
	}
}
