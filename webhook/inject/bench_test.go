package inject_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// grafanaPod is the pod of examples/grafana as JSON.
func grafanaPod(b testing.TB) []byte {
	b.Helper()
	const file = "../../examples/grafana/deployment.yaml"
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	stream, err := manifest.Parse(file, data)
	if err != nil {
		b.Fatal(err)
	}
	pods, err := stream.Pods()
	if err != nil {
		b.Fatal(err)
	}
	if len(pods) != 1 {
		b.Fatalf("%s has %d workloads, want 1", file, len(pods))
	}
	return pods[0].JSON
}

// manyVariables returns the Grafana pod with n additional environment variables.
func manyVariables(b testing.TB, n int) []byte {
	b.Helper()
	pod := decode(b, grafanaPod(b)).(map[string]any)
	container := pod["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	env, _ := container["env"].([]any)
	for i := range n {
		env = append(env, map[string]any{"name": fmt.Sprintf("VARIABLE_%04d", i), "value": fmt.Sprintf("value %d", i)})
	}
	container["env"] = env
	return marshal(b, pod)
}

var benchmarkPods = []struct {
	name string
	pod  func(testing.TB) []byte
}{
	{"grafana", grafanaPod},
	{"3000variables", func(b testing.TB) []byte { return manyVariables(b, 3000) }},
}

// BenchmarkInject measures Inject and the marshalling of the patch.
func BenchmarkInject(b *testing.B) {
	set := builtinSet(b)
	for _, p := range benchmarkPods {
		b.Run(p.name, func(b *testing.B) { benchmarkInject(b, set, p.pod(b)) })
	}
}

func benchmarkInject(b *testing.B, set *templates.Set, pod []byte) {
	settings, request := &inject.Settings{}, &inject.Request{Pod: pod, Namespace: enabled}
	b.ReportAllocs()
	b.SetBytes(int64(len(pod)))
	for b.Loop() {
		result, err := inject.Inject(set, settings, request)
		if err != nil {
			b.Fatal(err)
		}
		if result.Outcome != inject.Injected || len(result.Patch()) == 0 {
			b.Fatal(result.Outcome, result.Message())
		}
	}
}

// BenchmarkDecodePod measures the least that webhooks with typed pods do: decoding the same bytes into a
// corev1.Pod with encoding/json.
func BenchmarkDecodePod(b *testing.B) {
	for _, p := range benchmarkPods {
		b.Run(p.name, func(b *testing.B) {
			raw := p.pod(b)
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				var pod corev1.Pod
				if err := json.Unmarshal(raw, &pod); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// plainCollector is a log collector without expressions that read the pod.
const plainCollector = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: plain-collector}
spec:
  app:
    containers: all
    volumeMounts: [{name: app-logs, mountPath: /var/log/app}]
  pod:
    spec:
      initContainers:
      - name: log-collector
        restartPolicy: Always
        image: registry.example.com/observability/log-collector:2.8.4
        args: ["--config=/etc/log-collector/collector.yaml", "--read-from=/var/log/app", "--health-port=8686"]
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: LOG_LEVEL, value: info}
        resources: {requests: {cpu: 25m, memory: 64Mi}, limits: {memory: 128Mi}}
        volumeMounts: [{name: app-logs, mountPath: /var/log/app, readOnly: true}, {name: log-collector-config, mountPath: /etc/log-collector, readOnly: true}]
        readinessProbe: {httpGet: {path: /health, port: 8686}, periodSeconds: 10}
        securityContext: {allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 10001, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      volumes:
      - {name: app-logs, emptyDir: {}}
      - {name: log-collector-config, configMap: {name: log-collector-config}}
`

// BenchmarkInjectPlain measures a template without expressions: the cost of deciding, planning and patching
// alone.
func BenchmarkInjectPlain(b *testing.B) {
	set := builtinSet(b, plainCollector)
	for _, p := range benchmarkPods {
		b.Run(p.name, func(b *testing.B) {
			pod := decode(b, p.pod(b)).(map[string]any)
			pod["metadata"].(map[string]any)["annotations"] = map[string]any{inject.RequestAnnotation: "plain-collector"}
			benchmarkInject(b, set, marshal(b, pod))
		})
	}
}
