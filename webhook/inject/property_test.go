package inject_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"

	"github.com/google/go-cmp/cmp"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// requests are annotations that the built-in templates accept, by instance.
var requests = []struct {
	request    string
	parameters map[string]string
}{
	{"log-collector", map[string]string{"logDir": "/var/log/random"}},
	{"dashboards=config-sync", map[string]string{"label": "grafana_dashboard", "folder": "/tmp/dashboards"}},
	{"datasources=config-sync", map[string]string{"label": "grafana_datasource", "folder": "/etc/datasources"}},
	{"site=git-sync", map[string]string{"repo": "https://git.example.com/site.git", "folder": "/srv/git"}},
	{"alive=health-check", map[string]string{"port": "9999"}},
	{"plain", nil},
	{"everything", nil},
}

const plainTemplate = `
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: plain}
spec:
  app:
    containers: all
    env: [{name: PLAIN, value: "${instance}"}]
  pod:
    spec:
      containers:
      - {name: "plain-${instance}", image: "example.com/plain:1", resources: {requests: {cpu: 1m, memory: 1Mi}}}
---
apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: everything}
spec:
  order: -1
  app:
    containers: first
    initContainers: true
    env: [{name: EVERYTHING, value: "yes"}]
    envFrom: [{configMapRef: {name: everything, optional: true}}]
    volumeMounts: [{name: everything, mountPath: /everything}]
    readinessProbe: {tcpSocket: {port: 9}}
    lifecycle: {preStop: {sleep: {seconds: 1}}}
  pod:
    metadata:
      labels: {"example.com/everything": "true"}
      annotations: {"example.com/every": "a/b~c"}
    spec:
      shareProcessNamespace: false
      terminationGracePeriodSeconds: 45
      imagePullSecrets: [{name: everything}]
      hostAliases: [{ip: 10.1.2.3, hostnames: [everything]}]
      tolerations: [{key: everything, operator: Exists}]
      securityContext: {fsGroup: 65532, supplementalGroups: [65532]}
      initContainers:
      - {name: everything-init, image: "example.com/init:1", $position: first, resources: {requests: {cpu: 1m, memory: 1Mi}}}
      - {name: everything-sidecar, image: "example.com/sidecar:1", restartPolicy: Always, $position: last, resources: {requests: {cpu: 1m, memory: 1Mi}}}
      volumes: [{name: everything, emptyDir: {sizeLimit: 1Gi}}]
`

// randomPod returns a pod that the API server could send, with fields that this program does not know.
func randomPod(r *rand.Rand) map[string]any {
	some := func(n int) bool { return r.IntN(n) == 0 }
	container := func(name string) map[string]any {
		c := map[string]any{"name": name, "image": "example.com/" + name, "futureField": map[string]any{"a": []any{1, "x", nil}}}
		if some(2) {
			var env []any
			for i := range r.IntN(5) {
				env = append(env, map[string]any{"name": fmt.Sprintf("V%d", i), "value": "$(V0)", "future": true})
			}
			if some(4) {
				env = append(env, map[string]any{"name": "PLAIN", "value": "own"})
			}
			c["env"] = env
		}
		if some(2) {
			c["volumeMounts"] = []any{map[string]any{"name": "data", "mountPath": "/data/", "future": 1}}
		}
		if some(3) {
			c["readinessProbe"] = map[string]any{"httpGet": map[string]any{"port": "http"}}
			c["lifecycle"] = map[string]any{"postStart": map[string]any{}}
		}
		if some(3) {
			c["ports"] = []any{map[string]any{"name": "http", "containerPort": 8080}}
		}
		return c
	}
	spec := map[string]any{"futureSpec": "kept", "volumes": []any{map[string]any{"name": "data", "futureVolume": map[string]any{}}}}
	containers := []any{}
	for i := range 1 + r.IntN(3) {
		containers = append(containers, container(fmt.Sprintf("app%d", i)))
	}
	spec["containers"] = containers
	switch r.IntN(4) {
	case 0:
		spec["initContainers"] = []any{}
	case 1:
		sidecar := container("foreign")
		sidecar["restartPolicy"] = "Always"
		spec["initContainers"] = []any{container("init0"), sidecar}
	case 2:
		spec["initContainers"] = nil
	}
	if some(3) {
		spec["securityContext"] = map[string]any{"supplementalGroups": []any{1}, "futureContext": 1}
	}
	if some(3) {
		spec["tolerations"] = []any{map[string]any{"operator": "Exists", "key": "everything"}}
	}
	if some(3) {
		spec["terminationGracePeriodSeconds"] = []any{5, 30, 600}[r.IntN(3)]
	}
	metadata := map[string]any{"generateName": "random-", "futureMeta": []any{}}
	if some(2) {
		metadata["labels"] = map[string]any{"app": "random"}
	}
	return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
}

// ask sets one to four random requests on a pod.
func ask(r *rand.Rand, pod map[string]any) {
	annotations := map[string]any{"example.com/with~tilde": "kept"}
	var names []string
	for _, i := range r.Perm(len(requests))[:1+r.IntN(4)] {
		q := requests[i]
		names = append(names, q.request)
		instance, _, _ := strings.Cut(q.request, "=")
		for name, value := range q.parameters {
			annotations[instance+".sidecar-injector.dev/"+name] = value
		}
		if r.IntN(3) == 0 {
			annotations[instance+".sidecar-injector.dev/native"] = "false"
		}
	}
	annotations[inject.RequestAnnotation] = strings.Join(names, ", ")
	pod["metadata"].(map[string]any)["annotations"] = annotations
}

// TestRandomPodsGainButNeverLose injects into random pods and checks that the patch applies, that the pod's
// own parts remain in their order, and that a second injection changes nothing, even after another webhook
// added containers.
func TestRandomPodsGainButNeverLose(t *testing.T) {
	set := builtinSet(t, plainTemplate)
	injected := 0
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		pod := randomPod(r)
		ask(r, pod)
		before := marshal(t, pod)
		result := run(t, set, before)
		if result.Outcome != inject.Injected {
			t.Fatalf("seed %d: outcome %s %s: %s", seed, result.Outcome, result.Reason, result.Message())
		}
		injected++
		after := apply(t, before, result)
		if lost := missing(decode(t, before), decode(t, after), ""); lost != "" {
			t.Fatalf("seed %d: lost %s\nbefore %s\nafter %s", seed, lost, before, after)
		}
		if again := run(t, set, after); len(again.Operations) != 0 || again.Outcome != inject.Unchanged {
			t.Fatalf("seed %d: second injection: %s %s", seed, again.Outcome, again.Patch())
		}
		foreign := decode(t, after).(map[string]any)
		spec := foreign["spec"].(map[string]any)
		other := map[string]any{"name": "late-foreign", "image": "x"}
		spec["containers"] = slices.Insert(spec["containers"].([]any), 0, any(other))
		if list, ok := spec["initContainers"].([]any); ok {
			spec["initContainers"] = slices.Insert(list, 0, any(map[string]any{"name": "late-init", "image": "x"}))
		}
		if again := run(t, set, marshal(t, foreign)); len(again.Operations) != 0 {
			t.Fatalf("seed %d: injection after a foreign webhook: %s", seed, again.Patch())
		}
	}
	t.Logf("%d pods injected", injected)
}

// TestTheOrderOfTemplatesNeverShows loads the same templates in other orders.
func TestTheOrderOfTemplatesNeverShows(t *testing.T) {
	entries := builtinEntries(t, plainTemplate)
	r := rand.New(rand.NewPCG(7, 7))
	pod := randomPod(r)
	ask(r, pod)
	raw := marshal(t, pod)
	want := run(t, templates.NewSet(entries), raw)
	for range 20 {
		r.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
		if diff := cmp.Diff(string(want.Patch()), string(run(t, templates.NewSet(entries), raw).Patch())); diff != "" {
			t.Fatalf("patch depends on the order of templates:\n%s", diff)
		}
	}
}

// TestConcurrentRequestsOnOneTemplateAgree is meant for -race: nothing of a
// template may be written to by a request.
func TestConcurrentRequestsOnOneTemplateAgree(t *testing.T) {
	set := builtinSet(t, plainTemplate)
	r := rand.New(rand.NewPCG(3, 3))
	pod := randomPod(r)
	pod["metadata"].(map[string]any)["annotations"] = map[string]any{inject.RequestAnnotation: "plain, everything, a=plain"}
	raw := marshal(t, pod)
	want := string(run(t, set, raw).Patch())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				result, err := inject.Inject(set, &inject.Settings{}, &inject.Request{Pod: raw, Namespace: enabled})
				if err != nil || string(result.Patch()) != want {
					t.Errorf("a concurrent request got another patch: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// missing returns what of before is not in after: members of objects by name, items of lists in their
// order; "" if nothing is missing.
func missing(before, after any, at string) string {
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok {
			return at
		}
		for name, value := range b {
			if name == "terminationGracePeriodSeconds" {
				continue // the larger counts
			}
			if lost := missing(value, a[name], at+"/"+name); lost != "" {
				return lost
			}
		}
		return ""
	case []any:
		a, ok := after.([]any)
		if !ok {
			return at
		}
		next := 0
		for i, item := range b {
			for next < len(a) && missing(item, a[next], "") != "" {
				next++
			}
			if next == len(a) {
				return fmt.Sprintf("%s/%d", at, i)
			}
			next++
		}
		return ""
	case nil:
		return "" // null is the same as absent, and may be replaced
	}
	if !cmp.Equal(before, after) {
		return fmt.Sprintf("%s: %v became %v", at, before, after)
	}
	return ""
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, raw []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// apply is an independent implementation of RFC 6902.
func apply(t testing.TB, pod []byte, r *inject.Result) []byte {
	t.Helper()
	if len(r.Operations) == 0 {
		return pod
	}
	patch, err := jsonpatch.DecodePatch(r.Patch())
	if err != nil {
		t.Fatalf("patch %s: %v", r.Patch(), err)
	}
	out, err := patch.Apply(pod)
	if err != nil {
		t.Fatalf("patch %s does not apply to %s: %v", r.Patch(), pod, err)
	}
	return out
}
