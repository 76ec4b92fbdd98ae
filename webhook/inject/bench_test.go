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

// manyVariables is the Grafana pod with that many environment variables more.
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

// BenchmarkInject is the pure function and the patch: bytes in, bytes out.
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

// BenchmarkDecodePod is the floor of everybody who works on typed pods:
// encoding/json decoding the same bytes into a corev1.Pod.
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
