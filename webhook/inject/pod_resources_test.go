package inject_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// resourceTemplate returns a template with one container in a list.
func resourceTemplate(name, list, fields, resources string) string {
	return fmt.Sprintf(`
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: %s}
spec: {pod: {spec: {%s: [{name: "${instance}", image: i%s, resources: %s}]}}}`, name, list, fields, resources)
}

func TestPodLevelResourcesGrowWithTheContainers(t *testing.T) {
	const native = ", restartPolicy: Always"
	set := builtinSet(t,
		resourceTemplate("native", "initContainers", native, "{requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}"),
		resourceTemplate("regular", "containers", "", "{requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}"),
		resourceTemplate("setup", "initContainers", "", "{requests: {cpu: 10m, memory: 64Mi}, limits: {memory: 128Mi}}"),
		resourceTemplate("limited", "initContainers", native, "{limits: {cpu: 10m, memory: 64Mi}}"),
		resourceTemplate("huge", "initContainers", native, "{limits: {cpu: 10m, memory: 64Mi, hugepages-2Mi: 2Mi}}"))
	for name, c := range map[string]struct{ ask, pod, containers, init, want string }{
		"a native sidecar":                   {"native", `{"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"2","memory":"2Gi"}}`, ``, ``, `{"requests":{"cpu":"1010m","memory":"1088Mi"},"limits":{"cpu":"2","memory":"2176Mi"}}`},
		"a regular container":                {"regular", `{"requests":{"memory":"1Gi"}}`, ``, ``, `{"requests":{"memory":"1088Mi"}}`},
		"two instances":                      {"a=native,b=native", `{"requests":{"memory":"1Gi"}}`, ``, ``, `{"requests":{"memory":"1152Mi"}}`},
		"numbers, fractions":                 {"native", `{"requests":{"cpu":0.5,"memory":1000000000}}`, ``, ``, `{"requests":{"cpu":"510m","memory":"1067108864"}}`},
		"a limit is requested":               {"limited", `{"requests":{"cpu":"1","memory":"1Gi"}}`, ``, ``, `{"requests":{"cpu":"1010m","memory":"1088Mi"}}`},
		"an init container within the sum":   {"setup", `{"requests":{"memory":"1Gi"}}`, `{"requests":{"memory":"64Mi"}}`, ``, `{"requests":{"memory":"1Gi"}}`},
		"an init container above the sum":    {"setup", `{"requests":{"memory":"100Mi"}}`, `{"requests":{"memory":"60Mi"}}`, ``, `{"requests":{"memory":"104Mi"}}`},
		"a sidecar beside an init container": {"native", `{"requests":{"memory":"100Mi"}}`, `{"requests":{"memory":"60Mi"}}`, `{"requests":{"memory":"90Mi"}}`, `{"requests":{"memory":"164Mi"}}`},
		"a limit above that of the pod":      {"regular", `{"limits":{"memory":"100Mi"}}`, ``, `{"limits":{"memory":"200Mi"}}`, `{"limits":{"memory":"128Mi"}}`},
		"the request reaches the limit":      {"native", `{"requests":{"cpu":"1"},"limits":{"cpu":"1"}}`, ``, ``, `{"requests":{"cpu":"1010m"},"limits":{"cpu":"1010m"}}`},
		"the request is left to Kubernetes":  {"native", `{"limits":{"cpu":"1"}}`, `{"requests":{"cpu":"1"}}`, ``, `{"limits":{"cpu":"1010m"}}`},
		"huge pages":                         {"huge", `{"requests":{"hugepages-2Mi":"4Mi"},"limits":{"hugepages-2Mi":"4Mi"}}`, `{"limits":{"hugepages-2Mi":"4Mi"}}`, ``, `{"requests":{"hugepages-2Mi":"6Mi"},"limits":{"hugepages-2Mi":"6Mi"}}`},
		"another resource":                   {"native", `{"requests":{"hugepages-2Mi":"4Mi"},"limits":{"hugepages-2Mi":"4Mi"}}`, ``, ``, `{"requests":{"hugepages-2Mi":"4Mi"},"limits":{"hugepages-2Mi":"4Mi"}}`},
		"nothing stated":                     {"native", `{"requests":{},"limits":null}`, ``, ``, `{}`},
		"null":                               {"native", `null`, ``, ``, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			resources := func(text string) json.RawMessage {
				if text == "" {
					text = "{}"
				}
				return json.RawMessage(text)
			}
			spec := map[string]any{
				"resources":  resources(c.pod),
				"containers": []any{map[string]any{"name": "web", "image": "i", "resources": resources(c.containers)}},
			}
			if c.init != "" {
				spec["initContainers"] = []any{map[string]any{"name": "migrate", "image": "i", "resources": resources(c.init)}}
			}
			before := marshal(t, map[string]any{
				"metadata": map[string]any{"name": "web", "annotations": map[string]any{inject.RequestAnnotation: c.ask}},
				"spec":     spec,
			})
			result := run(t, set, before)
			after := apply(t, before, result)
			wantResources(t, after, c.want)
			for _, in := range result.Instances {
				said := strings.Contains(strings.Join(in.Notes, "\n"), "spec.resources.")
				if changed := !sameResources(t, before, after); said != changed {
					t.Errorf("instance %s: notes %q, changed %v", in.Name, in.Notes, changed)
				}
			}
			if again := run(t, set, after); len(again.Operations) > 0 {
				t.Errorf("injected again: %s", again.Patch())
			}
		})
	}
}

func podResources(t *testing.T, pod []byte) *corev1.ResourceRequirements {
	t.Helper()
	var p corev1.Pod
	if err := json.Unmarshal(pod, &p); err != nil {
		t.Fatal(err)
	}
	return p.Spec.Resources
}

func texts(r *corev1.ResourceRequirements) map[string]string {
	all := map[string]string{}
	if r == nil {
		return all
	}
	for name, q := range r.Requests {
		all["requests "+string(name)] = q.String()
	}
	for name, q := range r.Limits {
		all["limits "+string(name)] = q.String()
	}
	return all
}

func sameResources(t *testing.T, x, y []byte) bool {
	return maps.Equal(texts(podResources(t, x)), texts(podResources(t, y)))
}

func wantResources(t *testing.T, pod []byte, want string) {
	t.Helper()
	var r *corev1.ResourceRequirements
	if err := json.Unmarshal([]byte(want), &r); err != nil {
		t.Fatal(err)
	}
	if got, want := texts(podResources(t, pod)), texts(r); !maps.Equal(got, want) {
		t.Errorf("resources %v, want %v", got, want)
	}
}

// TestPodLevelResourcesAreRaisedOnce also covers changes by other webhooks in between, and malformed
// amounts.
func TestPodLevelResourcesAreRaisedOnce(t *testing.T) {
	set := builtinSet(t, resourceTemplate("native", "initContainers", ", restartPolicy: Always", "{requests: {memory: 64Mi}}"))
	pod := func(ask, resources string) []byte {
		return []byte(`{"metadata":{"name":"web","annotations":{"` + inject.RequestAnnotation + `":"` + ask + `"}},"spec":{"resources":` + resources +
			`,"initContainers":[{"name":"migrate","image":"i","resources":{"requests":{"memory":"100Mi"}}}],"containers":[{"name":"web","image":"i","resources":{"requests":{"memory":"1Ki"}}}]}}`)
	}
	before := pod("native", `{"requests":{"memory":"100Mi"}}`)
	after := apply(t, before, run(t, set, before))
	wantResources(t, after, `{"requests":{"memory":"164Mi"}}`)

	t.Run("another instance is asked for later", func(t *testing.T) {
		second := []byte(strings.Replace(string(after), `"native"`, `"native,more=native"`, 1))
		wantResources(t, apply(t, second, run(t, set, second)), `{"requests":{"memory":"228Mi"}}`)
	})
	t.Run("a sidecar is repaired", func(t *testing.T) {
		lost := []byte(strings.Replace(strings.Replace(string(after), `"restartPolicy":"Always",`, "", 1), `,"restartPolicy":"Always"`, "", 1))
		if strings.Contains(string(lost), "Always") {
			t.Fatal("the sidecar lost nothing")
		}
		lost = []byte(strings.Replace(string(lost), `"native"`, `"native,more=native"`, 1))
		wantResources(t, apply(t, lost, run(t, set, lost)), `{"requests":{"memory":"228Mi"}}`)
	})
	for _, bad := range []string{`"x"`, `[]`, `{"requests":"x"}`, `{"requests":{"memory":"much"}}`, `{"requests":{"memory":{}}}`, `{"requests":{"memory":"1e999999999"}}`} {
		t.Run("bad "+bad, func(t *testing.T) {
			for _, o := range run(t, set, pod("native", bad)).Operations {
				if strings.HasPrefix(o.Path, "/spec/resources") {
					t.Errorf("%s is written", o.Path)
				}
			}
		})
	}
}
