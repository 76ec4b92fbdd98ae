package inject_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// generatedPod returns a pod that the API server could send and that requests generated templates.
func generatedPod(c *choices) []byte {
	annotations := map[string]string{}
	if c.below(8) > 0 {
		annotations["sidecar-injector.dev/inject"] = c.of([]string{"one", "one", "one", "x=one, y=one", "one, two", "one,x=two", "a=one,b=one,c=one", "two", "", "one,one=two", "true", "One"})
	}
	names := []string{"s", "p", "u", "i", "num", "b", "l", "q", "d", "port", "native", "containers", "override", "unknown", "m.a", "m.b.c", "m", "m.", "s.a"}
	values := []string{"a", "", "7", "true", "false", "web, other", `["a", "b"]`, "/x$", "(A)", "$(LEVEL)", "http://a/b", "-1", "1e9", "0", "{env: [{name: A, value: b}]}",
		"{resources: null}", "{image: e/y}", "{env: [{$patch: replace}]}", "[1]", "all", "app", "\u202e", "x\ny", strings.Repeat("long", 20), "9223372036854775808", "{resources: {limits: {cpu: -1}}}"}
	for range c.below(8) / 3 {
		annotations[c.of([]string{"one", "x", "two", "y", "a"})+".sidecar-injector.dev/"+c.of(names)] = c.of(values)
	}
	if c.rarely(8) {
		annotations["sidecar-injector.dev/status"] = c.of([]string{"{}", `{"one":{"template":"ClusterSidecarTemplate/one"}}`, "[", `{"one":{"containers":["app"]}}`, `{"one":null}`})
	}
	if c.rarely(4) {
		annotations["note"] = c.of(values)
	}
	container := func(name string) map[string]any {
		out := map[string]any{"name": name, "image": "app:1"}
		if c.rarely(2) {
			out["env"] = []any{map[string]any{"name": "APP_ENV", "value": "own"}, map[string]any{"name": "LEVEL", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}}}}
		}
		if c.rarely(3) {
			out["volumeMounts"] = []any{map[string]any{"name": "app-data", "mountPath": c.of([]string{"/data", "/app", "/", "/data/../x"})}}
		}
		if c.rarely(3) {
			out["ports"] = []any{map[string]any{"containerPort": 9000 + c.below(3), "name": "web"}}
		}
		return out
	}
	containers := []any{container("app")}
	if c.rarely(2) {
		containers = append(containers, container(c.of([]string{"other", "side", "one-2", "app-side"})))
	}
	spec := map[string]any{"containers": containers}
	if c.rarely(3) {
		spec["volumes"] = []any{map[string]any{"name": c.of([]string{"app-data", "data", "secret"}), "emptyDir": map[string]any{}}}
	}
	if c.rarely(4) {
		spec["initContainers"] = []any{container(c.of([]string{"init", "side"}))}
	}
	for name, value := range map[string]any{"hostNetwork": true, "restartPolicy": "Never", "terminationGracePeriodSeconds": 5, "nodeSelector": map[string]any{"kubernetes.io/os": "windows"},
		"securityContext": map[string]any{"supplementalGroups": []any{1}}, "hostPID": true, "tolerations": []any{}, "dnsConfig": map[string]any{}, "resources": map[string]any{"requests": map[string]any{"cpu": "1"}}} {
		spec[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(spec)) {
		if name != "containers" && name != "volumes" && name != "initContainers" && !c.rarely(10) {
			delete(spec, name)
		}
	}
	if c.rarely(4) {
		spec["initContainers"] = []any{with(container("own"), "restartPolicy", "Always")}
	}
	metadata := map[string]any{"name": "web", "annotations": annotations}
	if c.rarely(3) {
		metadata["labels"] = map[string]any{"app": c.of([]string{"web", "api"}), "team": "own"}
	}
	if c.rarely(4) {
		metadata["ownerReferences"] = []any{map[string]any{"apiVersion": "apps/v1", "kind": c.of([]string{"ReplicaSet", "Job", "StatefulSet"}), "name": c.of([]string{"web-abc", "web-28000000", "web"}), "uid": "u", "controller": true}}
		metadata["labels"] = map[string]any{"pod-template-hash": "abc"}
	}
	if len(annotations) == 0 {
		delete(metadata, "annotations")
	}
	text, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
	if err != nil {
		panic(err)
	}
	return text
}

func with(object map[string]any, name string, value any) map[string]any {
	object[name] = value
	return object
}

// asCoreV1 returns why the API server's strict decoder rejects a pod, or nil.
func asCoreV1(text []byte) error {
	var pod corev1.Pod
	strict, err := kjson.UnmarshalStrict(text, &pod)
	return errors.Join(append(strict, err)...)
}

// FuzzGeneratedTemplates checks that nothing panics, and that a loaded template results in a fault or in a
// pod that the API server can decode and that a second injection does not change.
func FuzzGeneratedTemplates(f *testing.F) {
	for seed := range 64 {
		text := make([]byte, 400)
		for i := range text {
			text[i] = byte((i*i*(seed+3) + 7*i + seed*31) >> 2)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, data []byte) { tryGenerated(t, data) })
}

// tryGenerated reports whether a pod was injected.
func tryGenerated(t *testing.T, data []byte) bool {
	c := &choices{left: data}
	settings := &inject.Settings{ContainerMode: c.rarely(4), Cluster: map[string]string{"registry": "r.example.com"}}
	if c.rarely(4) {
		settings.OnUnknownTemplate = v1alpha1.Ignore
	}
	pod := generatedPod(c)
	document := generatedTemplate(c, "one") + "---\n" + generatedTemplate(c, "two")
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("%s\n%s\n%s", fmt.Sprintf(format, args...), pod, document)
	}
	entries := load.Load(templates.SourceDirectory, "t.yaml", []byte(document))
	for _, e := range entries {
		for _, finding := range e.Findings {
			if finding.Reason == templates.InternalError || strings.Contains(finding.Message, "internal error") || finding.Reason == templates.YAMLSyntax {
				fail("finding %s %s", finding, finding.Stack)
			}
		}
	}
	request := &inject.Request{Pod: pod, Namespace: inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled", "a": "b"}}, Permissions: true}
	result, err := inject.Inject(templates.NewSet(entries), settings, request)
	if err != nil {
		fail("error: %v", err)
	}
	if len(result.Crashes) > 0 {
		fail("panic: %+v", result.Crashes)
	}
	texts := append([]string{result.Detail, result.Message()}, result.Warnings...)
	for i := range result.Instances {
		texts = append(append(texts, result.Instances[i].Detail), result.Instances[i].Notes...)
	}
	for _, text := range texts {
		if strings.Contains(text, "internal error") || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			fail("text %q", text)
		}
	}
	if !result.Allowed() && len(result.Faults) == 0 {
		fail("refused without a fault: %+v", result)
	}
	if len(result.Operations) == 0 {
		return false
	}
	patch, err := jsonpatch.DecodePatch(result.Patch())
	if err != nil {
		fail("patch: %v", err)
	}
	injected, err := patch.Apply(pod)
	if err != nil {
		fail("patch %s: %v", result.Patch(), err)
	}
	if err := asCoreV1(injected); err != nil {
		fail("injected pod: %v\n%s", err, injected)
	}
	request.Pod = injected
	again, err := inject.Inject(templates.NewSet(entries), settings, request)
	if err != nil || len(again.Operations) > 0 {
		fail("injected again: %v, %s\n%s", err, again.Patch(), injected)
	}
	return true
}

// TestGeneratedTemplatesReachTheEnd checks that enough of the generated templates are loaded and injected
// for the fuzz test to be useful.
func TestGeneratedTemplatesReachTheEnd(t *testing.T) {
	injected, loaded := 0, 0
	const all = 300
	for seed := range all {
		data := make([]byte, 600)
		state := uint32(seed)*2654435761 + 1
		for i := range data {
			state = state*1664525 + 1013904223
			data[i] = byte(state >> 24)
		}
		if tryGenerated(t, data) {
			injected++
		}
		c := &choices{left: data}
		for _, e := range load.Load(templates.SourceDirectory, "t.yaml", []byte(generatedTemplate(c, "one"))) {
			if e.Template != nil {
				loaded++
			}
		}
	}
	t.Logf("of %d, %d loaded, %d injected", all, loaded, injected)
	if loaded < all/20 || injected < all/50 {
		t.Errorf("of %d, %d loaded, %d injected", all, loaded, injected)
	}
}
