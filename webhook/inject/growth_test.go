package inject_test

import (
	"fmt"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// nestedTemplate adds items to all containers that have to be compared with existing ones.
const nestedTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: nested}
spec:
  app:
    containers: all
    volumeMounts: [{name: nested, mountPath: /m, readOnly: true}]
    env: [{name: A, value: x}, {name: B, value: x}, {name: C, value: x}, {name: D, value: x}, {name: E, value: x}, {name: F, value: x}, {name: G, value: x}, {name: H, value: x}, {name: I, value: x}]
    envFrom: [{configMapRef: {name: other}}]
  pod:
    spec:
      tolerations: [{key: nested, operator: Exists}]
      containers: [{name: nested, image: "example.com/nested:1", ports: [{name: nested, containerPort: 4711}], securityContext: {runAsUser: 7}, volumeMounts: [{name: nested, mountPath: /m}], resources: {requests: {cpu: 1m, memory: 1Mi}}}]
      volumes: [{name: nested, emptyDir: {sizeLimit: 1Mi}}]
`

// TestTwiceThePodIsTwiceTheWork compares units of the budget and allocations, which do not depend on the
// machine.
func TestTwiceThePodIsTwiceTheWork(t *testing.T) {
	const nested = "nested.sidecar-injector.dev/"
	set := builtinSet(t, nestedTemplate)
	times := func(n int, item func(i int) any) []any {
		list := make([]any, n)
		for i := range list {
			list[i] = item(i)
		}
		return list
	}
	one := func(t *testing.T, field string, list []any) []byte {
		return asking(t, map[string]any{inject.RequestAnnotation: "nested"}, 1, func(int) map[string]any { return map[string]any{field: list} })
	}
	rows := map[string]func(t *testing.T, n int) []byte{
		"containers of several instances": func(t *testing.T, n int) []byte {
			const list = ".sidecar-injector.dev/containers"
			return asking(t, map[string]any{inject.RequestAnnotation: "a=log-collector, b=log-collector, c=log-collector", "a" + list: "all", "b" + list: "all", "c" + list: "all",
				"a.sidecar-injector.dev/logDir": "/a", "b.sidecar-injector.dev/logDir": "/b", "c.sidecar-injector.dev/logDir": "/c"}, n, nil)
		},
		"containers that run as root": func(t *testing.T, n int) []byte {
			return asking(t, map[string]any{inject.RequestAnnotation: "nested"}, n, func(int) map[string]any {
				return map[string]any{"securityContext": map[string]any{"runAsUser": 0}}
			})
		},
		"mounts within the sidecar's": func(t *testing.T, n int) []byte {
			return one(t, "volumeMounts", times(n, func(i int) any { return map[string]any{"name": "v", "mountPath": fmt.Sprintf("/m/%d", i)} }))
		},
		"mounts within each other": func(t *testing.T, n int) []byte {
			return one(t, "volumeMounts", times(n, func(i int) any {
				return map[string]any{"name": "v", "mountPath": fmt.Sprintf("/%d/%d/%d", i/100, i/10, i)}
			}))
		},
		"variables": func(t *testing.T, n int) []byte {
			return one(t, "env", times(n, func(i int) any { return map[string]any{"name": fmt.Sprintf("V%d", i)} }))
		},
		"sources of variables": func(t *testing.T, n int) []byte {
			return one(t, "envFrom", times(n, func(i int) any {
				return map[string]any{"configMapRef": map[string]any{"name": fmt.Sprintf("m%d", i)}}
			}))
		},
		"ports": func(t *testing.T, n int) []byte {
			return one(t, "ports", times(n, func(i int) any { return map[string]any{"containerPort": i + 1} }))
		},
		"ports of the sidecar's number": func(t *testing.T, n int) []byte {
			return asking(t, map[string]any{inject.RequestAnnotation: "nested"}, n, func(int) map[string]any {
				return map[string]any{"ports": []any{map[string]any{"containerPort": 4711}}}
			})
		},
		"parameters": func(t *testing.T, n int) []byte {
			annotations := map[string]any{inject.RequestAnnotation: "nested"}
			for i := range n {
				annotations[fmt.Sprintf("%sp%d", nested, i)] = "x"
			}
			return asking(t, annotations, 1, nil)
		},
	}
	for name, pod := range rows {
		t.Run(name, func(t *testing.T) {
			const n = 400
			var work [2]int
			var allocations [2]float64
			for k, size := range []int{n, 2 * n} {
				raw := pod(t, size)
				allocations[k] = testing.AllocsPerRun(3, func() { work[k] = run(t, set, raw).Work })
			}
			const fixed = 40 // what a pod costs whatever its size
			if work[1] > 2*work[0]+fixed {
				t.Errorf("work %d, at twice the size %d", work[0], work[1])
			}
			if allocations[1] > 2*allocations[0]+fixed {
				t.Errorf("%.0f allocations, at twice the size %.0f", allocations[0], allocations[1])
			}
		})
	}
}
