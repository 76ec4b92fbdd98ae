package inject_test

import (
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func TestExpressionsSeeTheVolumesOfClaims(t *testing.T) {
	set := templates.NewSet(load.Load(templates.SourceDirectory, "t.yaml", []byte(`apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: reader}
spec:
  validations:
  - expression: 'pod.spec.?volumes.orValue([]).exists(v, v.name == "data" && has(v.persistentVolumeClaim))'
    message: no data
  pod: {metadata: {labels: {volumes: '${pod.spec.volumes.map(v, v.name).join(".")}'}}}
`)))
	const head = `{"metadata":{"labels":{"sidecar-injector.dev/injection":"enabled"},"annotations":{"sidecar-injector.dev/inject":"reader"}},"spec":{"containers":[{"name":"app","image":"app"}]`
	for _, row := range []struct {
		volumes, want string // the label; "" if the pod is refused
		claims        []string
	}{
		{"}}", "", nil},
		{`,"volumes":[{"name":"logs","emptyDir":{}},{"name":"data","emptyDir":{}}]}}`, "", nil},
		{"}}", "data", []string{"data"}},
		{`,"volumes":[{"name":"logs","emptyDir":{}},{"name":"data","emptyDir":{}}]}}`, "data.logs", []string{"data"}},
		{`,"volumes":[{"name":"logs","emptyDir":{}}]}}`, "more.data.logs", []string{"more", "data"}},
		{"}}", "", nil}, // of the same bytes as one before, but for the claims
	} {
		pod := []byte(head + row.volumes)
		result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: pod, ClaimVolumes: row.claims})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if result.Outcome == inject.Injected {
			var after corev1.Pod
			if err := json.Unmarshal(apply(t, pod, result), &after); err != nil {
				t.Fatal(err)
			}
			got = after.Labels["volumes"]
		}
		if got != row.want {
			t.Errorf("volumes %s, claims %v: got %q, want %q", row.volumes, row.claims, got, row.want)
		}
	}
}
