package requirement_test

import (
	"testing"

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
		`lifecycle: {stopSignal: SIGRTMIN+15}`:                                                                             "",
		`lifecycle: {stopSignal: SIGRTMIN+16}`:                                                                             "lifecycle.stopSignal",
		`lifecycle: {stopSignal: INT}`:                                                                                     "lifecycle.stopSignal",
		`resizePolicy: [{resourceName: cpu}]`:                                                                              "resizePolicy[0]",
	} {
		container := object(t, part)
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

// TestWhatTheAPIServerRefusesOfAPodIsFound has rows for the fields of a pod that templates may set.
func TestWhatTheAPIServerRefusesOfAPodIsFound(t *testing.T) {
	volume := func(source string) string { return "volumes: [{name: v, " + source + "}]" }
	for part, want := range map[string]string{
		volume(`emptyDir: {sizeLimit: -1}`):                                                            "volumes[0].emptyDir.sizeLimit",
		volume(`emptyDir: {sizeLimit: 0}`):                                                             "",
		volume(`emptyDir: {medium: memory}`):                                                           "volumes[0].emptyDir.medium",
		volume(`emptyDir: {medium: HugePages-2Mi}`):                                                    "",
		volume(`emptyDir: {medium: HugePages-x}`):                                                      "volumes[0].emptyDir.medium",
		volume(`emptyDir: {mode: 1024}`):                                                               "volumes[0].emptyDir.mode",
		volume(`secret: {secretName: ""}`):                                                             "volumes[0].secret",
		volume(`secret: {secretName: s, defaultMode: 512}`):                                            "volumes[0].secret.defaultMode",
		volume(`secret: {secretName: s, defaultMode: 0777}`):                                           "",
		volume(`configMap: {name: c, defaultMode: -1}`):                                                "volumes[0].configMap.defaultMode",
		volume(`configMap: {name: c, items: [{key: a, path: ..b}]}`):                                   "volumes[0].configMap.items[0].path",
		volume(`configMap: {name: c, items: [{key: a, path: b/..c}]}`):                                 "",
		volume(`downwardAPI: {defaultMode: 1000}`):                                                     "volumes[0].downwardAPI.defaultMode",
		volume(`hostPath: {path: /a/../b}`):                                                            "volumes[0].hostPath.path",
		volume(`hostPath: {path: /a, type: Dir}`):                                                      "volumes[0].hostPath.type",
		volume(`nfs: {server: s, path: a}`):                                                            "volumes[0].nfs.path",
		volume(`projected: {sources: [{secret: {name: s}}]}`):                                          "",
		volume(`projected: {defaultMode: 512}`):                                                        "volumes[0].projected.defaultMode",
		volume(`projected: {sources: [{secret: {name: ""}}]}`):                                         "volumes[0].projected.sources[0].secret",
		volume(`projected: {sources: [{serviceAccountToken: {}}]}`):                                    "volumes[0].projected.sources[0].serviceAccountToken",
		volume(`projected: {sources: [{clusterTrustBundle: {path: p}}]}`):                              "volumes[0].projected.sources[0].clusterTrustBundle",
		volume(`projected: {sources: [{serviceAccountToken: {path: p, expirationSeconds: 60}}]}`):      "volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds",
		volume(`projected: {sources: [{secret: {name: s}, configMap: {name: c}}]}`):                    "volumes[0].projected.sources[0]",
		volume(`downwardAPI: {items: [{path: a/../b, fieldRef: {fieldPath: metadata.name}}]}`):         "volumes[0].downwardAPI.items[0].path",
		volume(`downwardAPI: {items: [{path: a, mode: 01000, fieldRef: {fieldPath: metadata.name}}]}`): "volumes[0].downwardAPI.items[0].mode",
		volume(`projected: {sources: [{secret: {name: s, items: [{key: a, path: p}]}}, {configMap: {name: c, items: [{key: a, path: p}]}}]}`): "volumes[0].projected.sources[1].configMap.items[0].path",
		`hostAliases: [{ip: 10.0.0.300, hostnames: [a]}]`:                "hostAliases[0].ip",
		`hostAliases: [{ip: "::1", hostnames: [a, A_b]}]`:                "hostAliases[0].hostnames[1]",
		`dnsConfig: {nameservers: [10.0.0.10, dns.example.com]}`:         "dnsConfig.nameservers[1]",
		`dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4]}`: "dnsConfig.nameservers",
		`dnsConfig: {searches: [., svc.cluster.local., _tcp.a]}`:         "",
		`dnsConfig: {searches: ["a b"]}`:                                 "dnsConfig.searches[0]",
		`dnsConfig: {options: [{value: "2"}]}`:                           "dnsConfig.options[0]",
		`securityContext: {supplementalGroups: [0, -1]}`:                 "securityContext.supplementalGroups[1]",
		`securityContext: {supplementalGroups: [4294967296]}`:            "securityContext.supplementalGroups[0]",
		`terminationGracePeriodSeconds: -1`:                              "terminationGracePeriodSeconds",
		`imagePullSecrets: [{name: ""}]`:                                 "imagePullSecrets[0]",
		`tolerations: [{operator: Exists}]`:                              "",
		`tolerations: [{effect: NoSchedule}]`:                            "tolerations[0]",
		`tolerations: [{key: a b, operator: Exists}]`:                    "tolerations[0].key",
		`tolerations: [{key: a, operator: Exists, value: b}]`:            "tolerations[0].value",
		`tolerations: [{key: a, tolerationSeconds: 5}]`:                  "tolerations[0].tolerationSeconds",
	} {
		got := requirement.Pod(program.Object{{Name: "spec", Value: object(t, part)}})
		switch {
		case want == "" && len(got) > 0:
			t.Errorf("%s: %s", part, got[0].Error())
		case want != "" && (len(got) != 1 || got[0].At.String() != "spec."+want):
			t.Errorf("%s: want %s, got %v", part, want, got)
		}
	}
}

// object reads an object in YAML.
func object(t *testing.T, text string) program.Object {
	t.Helper()
	stream, err := manifest.Parse("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	o, err := program.ObjectFromJSON(stream.Documents[0].JSON())
	if err != nil {
		t.Fatal(err)
	}
	return o
}
