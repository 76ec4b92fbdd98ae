package fleet

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// tail is a template; tests change one line of it at a time.
const tail = `apiVersion: sidecar-injector.dev/v1alpha1
kind: ClusterSidecarTemplate
metadata: {name: tail}
spec:
  parameters:
  - {name: level, type: string, default: info}
  app:
    volumeMounts:
    - {name: "sc-${instance}", mountPath: /var/log/app}
    env:
    - {name: LOG_TARGET, value: file}
  pod:
    metadata:
      labels: {tailed: "yes"}
      annotations: {"example.com/scrape": "true"}
    spec:
      initContainers:
      - name: ${app.name}-sc-${instance}
        restartPolicy: Always
        image: example.com/tail:1
        args: [--level, "${params.level}"]
        resources:
          requests: {cpu: 10m, memory: 16Mi}
          limits: {memory: 32Mi}
        readinessProbe: {httpGet: {path: /ready, port: 9000}}
        volumeMounts:
        - {name: "sc-${instance}", mountPath: /var/log/app, readOnly: true}
      volumes:
      - {name: "sc-${instance}", emptyDir: {sizeLimit: 64Mi}}
`

func setOf(t testing.TB, text string) *templates.Set {
	t.Helper()
	entries := load.Load(templates.SourceDirectory, "tail.yaml", []byte(text))
	for _, e := range entries {
		if e.Broken() {
			t.Fatalf("template: %v\n%s", e.Findings, text)
		}
	}
	return templates.NewSet(entries)
}

func shop() inject.Namespace {
	return inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}}
}

// created returns a pod as the API server stores it after the webhook: with its defaults and the token's
// mounts, and changed by mutate.
func created(t testing.TB, set *templates.Set, namespace inject.Namespace, pod string, mutate func(object)) object {
	t.Helper()
	result, err := inject.Inject(set, config.Default().Settings(), &inject.Request{Pod: []byte(pod), Namespace: namespace})
	must(t, err)
	v, err := decode([]byte(pod))
	must(t, err)
	after, err := apply(v.(object), result.Operations)
	must(t, err)
	for _, field := range []string{"initContainers", "containers"} {
		for _, c := range items(part(after, "spec"), field) {
			c["terminationMessagePath"], c["terminationMessagePolicy"], c["imagePullPolicy"] = "/dev/termination-log", "File", "IfNotPresent"
			mounts, _ := c["volumeMounts"].(list)
			c["volumeMounts"] = append(mounts, object{"name": "kube-api-access-x", "mountPath": tokenPath, "readOnly": true})
			if probe := part(c, "readinessProbe"); probe != nil {
				maps.Copy(probe, object{"timeoutSeconds": int64(1), "periodSeconds": int64(10), "successThreshold": int64(1), "failureThreshold": int64(3)})
				part(probe, "httpGet")["scheme"] = "HTTP"
			}
		}
	}
	if mutate != nil {
		mutate(after)
	}
	return after
}

const web = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"shop","labels":{"app":"web"},"annotations":{"sidecar-injector.dev/inject":"tail"}},
	"spec":{"containers":[{"name":"app","image":"app:1","env":[{"name":"MINE","value":"1"}]}]}}`

func judged(t *testing.T, set *templates.Set, server Server, namespace inject.Namespace, pod object) *Standing {
	t.Helper()
	text, err := json.Marshal(pod)
	must(t, err)
	today := &Today{Set: set, Settings: config.Default().Settings(), Server: server}
	s, err := today.Judge(namespace, text)
	must(t, err)
	return s
}

// TestAChangeOfTheTemplateIsTheStateThatItNeeds changes the template of a running pod.
func TestAChangeOfTheTemplateIsTheStateThatItNeeds(t *testing.T) {
	newest, older := Server{Minor: 37, Resize: true}, Server{Minor: 31}
	for name, test := range map[string]struct {
		old, new string
		server   Server
		want     State
		why      string
		changes  int
	}{
		"nothing":                         {"", "", newest, Current, "", 0},
		"its description":                 {"spec:\n  parameters", "spec:\n  description: Tails.\n  parameters", newest, Current, "", 0},
		"the image":                       {"tail:1", "tail:2", newest, InPlace, "web-image", 1},
		"the image, on an old server":     {"tail:1", "tail:2", older, Restart, "native sidecar", 0},
		"a request":                       {"cpu: 10m", "cpu: 20m", newest, InPlace, "requests.cpu 10m → 20m", 1},
		"a request, on an old server":     {"cpu: 10m", "cpu: 20m", older, Restart, "pods/resize", 0},
		"the same amounts in other words": {"cpu: 10m, memory: 16Mi", "cpu: \"0.01\", memory: 16384Ki", newest, Current, "", 0},
		"image and limit":                 {"tail:1\n        args: [--level, \"${params.level}\"]\n        resources:\n          requests: {cpu: 10m, memory: 16Mi}\n          limits: {memory: 32Mi}", "tail:2\n        args: [--level, \"${params.level}\"]\n        resources:\n          requests: {cpu: 10m, memory: 16Mi}\n          limits: {memory: 64Mi}", newest, InPlace, "limits.memory 32Mi → 64Mi", 2},
		"a limit that goes":               {"          limits: {memory: 32Mi}\n", "", newest, Restart, "limits.memory", 0},
		"other storage":                   {"cpu: 10m,", "cpu: 10m, ephemeral-storage: 1Gi,", newest, Restart, "ephemeral-storage", 0},
		"an argument":                     {"--level,", "--log-level,", newest, Restart, "args", 0},
		"a default parameter":             {"default: info", "default: debug", newest, Restart, "args", 0},
		"a field that goes":               {"        readinessProbe: {httpGet: {path: /ready, port: 9000}}\n", "", newest, Restart, "readinessProbe", 0},
		"a probe's number":                {"port: 9000}}", "port: 9000}, periodSeconds: 5}", newest, Restart, "readinessProbe", 0},
		"a probe's default, stated":       {"port: 9000}}", "port: 9000}, periodSeconds: 10}", newest, Current, "", 0},
		"no more privileges":              {"        readinessProbe", "        securityContext: {allowPrivilegeEscalation: false}\n        readinessProbe", newest, Restart, "securityContext", 0},
		"root, whatever the pod says":     {"        readinessProbe", "        securityContext: {runAsNonRoot: false}\n        readinessProbe", newest, Restart, "securityContext", 0},
		"what is so anyway, stated":       {"        readinessProbe", "        securityContext: {privileged: false, readOnlyRootFilesystem: false}\n        readinessProbe", newest, Current, "", 0},
		"the volume":                      {"sizeLimit: 64Mi", "sizeLimit: 65Mi", newest, Restart, `volume "sc-tail"`, 0},
		"the app's mount":                 {"    - {name: \"sc-${instance}\", mountPath: /var/log/app}\n    env", "    - {name: \"sc-${instance}\", mountPath: /var/log/other}\n    env", newest, Restart, "volumeMounts", 0},
		"the app's env":                   {"value: file", "value: stdout", newest, Restart, `env "LOG_TARGET"`, 0},
		"a further env":                   {"value: file}\n", "value: file}\n    - {name: LOG_MORE, value: \"1\"}\n", newest, Restart, "env", 0},
		"a label":                         {`{tailed: "yes"}`, `{tailed: "no"}`, newest, Restart, `metadata.labels["tailed"]`, 0},
		"an annotation":                   {`scrape": "true"`, `scrape": "false"`, newest, Restart, `metadata.annotations["example.com/scrape"]`, 0},
		"the container's name":            {"-sc-${instance}\n", "-side-${instance}\n", newest, Restart, "is not there", 0},
		"the template has gone":           {"name: tail}", "name: tale}", newest, Blocked, "a new pod would be refused", 0},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(tail, test.old, test.new, 1)
			if test.old != test.new && changed == tail {
				t.Fatal("the test changes nothing")
			}
			pod := created(t, setOf(t, tail), shop(), web, nil)
			s := judged(t, setOf(t, changed), test.server, shop(), pod)
			if len(s.Instances) != 1 {
				t.Fatalf("instances %+v", s.Instances)
			}
			i := s.Instances[0]
			if i.State != test.want || len(i.Changes) != test.changes {
				t.Errorf("got %v with %v, want %v with %d changes: %s", i.State, i.Changes, test.want, test.changes, i.Why)
			}
			if test.why != "web-image" && !strings.Contains(i.Why, test.why) {
				t.Errorf("got the sentence %q, want one with %q", i.Why, test.why)
			}
		})
	}
}

// TestWhatOthersDoToAPodIsNoChange: a LimitRange, another webhook or the app's author changed the pod after
// the injection, and the template is the same.
func TestWhatOthersDoToAPodIsNoChange(t *testing.T) {
	sidecar := func(pod object) object { return named(items(part(pod, "spec"), "initContainers"), "app-sc-tail") }
	for name, mutate := range map[string]func(object){
		"a LimitRange":         func(pod object) { part(sidecar(pod), "resources", "limits")["cpu"] = "1" },
		"an added environment": func(pod object) { sidecar(pod)["env"] = list{object{"name": "HTTP_PROXY", "value": "x"}} },
		"another sidecar, first": func(pod object) {
			spec := part(pod, "spec")
			spec["containers"] = append(spec["containers"].(list), object{"name": "mesh", "image": "mesh"})
		},
		"another native sidecar": func(pod object) {
			spec := part(pod, "spec")
			spec["initContainers"] = append(list{object{"name": "mesh", "image": "mesh", "restartPolicy": "Always"}}, spec["initContainers"].(list)...)
		},
		"an annotation":           func(pod object) { part(pod, "metadata", "annotations")["example.com/scrape"] = "false" },
		"a label of a controller": func(pod object) { part(pod, "metadata", "labels")["pod-template-hash"] = "1" },
		"the node":                func(pod object) { part(pod, "spec")["nodeName"] = "node" },
	} {
		t.Run(name, func(t *testing.T) {
			set := setOf(t, tail)
			pod := created(t, set, shop(), web, mutate)
			if s := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod); s.Instances[0].State != Current {
				t.Errorf("got %v: %s", s.Instances[0].State, s.Instances[0].Why)
			}
		})
	}
}

// TestAGeneratedNameIsNotKnownAtTheInjection: a template that reads it gives a running pod what it gave the new
// one. A StatefulSet names its pods itself.
func TestAGeneratedNameIsNotKnownAtTheInjection(t *testing.T) {
	set := setOf(t, strings.Replace(tail, `"${params.level}"`, `"${params.level}", "${pod.metadata.name}", "${workload.name}"`, 1))
	for metadata, name := range map[string]string{`"generateName":"web-"`: "web-x2x7q", `"generateName":"web-","name":"web-0"`: "web-0", `"name":"web"`: "web"} {
		pod := created(t, set, shop(), strings.Replace(web, `"name":"web"`, metadata, 1), func(pod object) { part(pod, "metadata")["name"] = name })
		if i := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]; i.State != Current {
			t.Errorf("%s: got %v: %s", name, i.State, i.Why)
		}
	}
}

// TestATokenOfTheTemplatesOwnIsNoDifference: it is mounted where the API server mounts its own otherwise.
func TestATokenOfTheTemplatesOwnIsNoDifference(t *testing.T) {
	set := setOf(t, strings.Replace(tail, "        - {name: \"sc-${instance}\", mountPath: /var/log/app, readOnly: true}\n      volumes:\n",
		"        - {name: \"sc-${instance}\", mountPath: /var/log/app, readOnly: true}\n        - {name: \"token-${instance}\", mountPath: "+tokenPath+", readOnly: true}\n"+
			"      volumes:\n      - {name: \"token-${instance}\", projected: {sources: [{serviceAccountToken: {path: token}}]}}\n", 1))
	pod := created(t, set, shop(), web, func(pod object) {
		sidecar := named(items(part(pod, "spec"), "initContainers"), "app-sc-tail")
		mounts := sidecar["volumeMounts"].(list)
		sidecar["volumeMounts"] = mounts[:len(mounts)-1]
	})
	if i := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]; i.State != Current {
		t.Errorf("got %v: %s", i.State, i.Why)
	}
}

// TestAChangeByHandIsSeen: the template is the same, but the running pod was changed manually.
func TestAChangeByHandIsSeen(t *testing.T) {
	set := setOf(t, tail)
	pod := created(t, set, shop(), web, func(pod object) {
		c := named(items(part(pod, "spec"), "initContainers"), "app-sc-tail")
		c["image"] = "example.com/tail:test"
		part(c, "resources", "requests")["cpu"] = "1"
	})
	s := judged(t, set, Server{Minor: 37, Resize: true}, shop(), pod)
	want := []Change{
		{Container: "app-sc-tail", Init: true, Field: "image", From: "example.com/tail:test", To: "example.com/tail:1"},
		{Container: "app-sc-tail", Init: true, Field: "requests.cpu", From: "1", To: "10m"},
	}
	if i := s.Instances[0]; i.State != InPlace || len(i.Changes) != 2 || i.Changes[0] != want[0] || i.Changes[1] != want[1] {
		t.Errorf("got %v with %+v, want %+v", i.State, i.Changes, want)
	}
}

// TestATemplateOfTheNamespaceIsTriedThere: a namespace's template hides the cluster's. If it gives the same
// result, pods with the cluster's sidecar are current.
func TestATemplateOfTheNamespaceIsTriedThere(t *testing.T) {
	namespaced := strings.Replace(strings.Replace(tail, "ClusterSidecarTemplate", "SidecarTemplate", 1), "{name: tail}", "{name: tail, namespace: shop}", 1)
	pod := created(t, setOf(t, tail), shop(), web, nil)
	for name, test := range map[string]struct {
		text string
		want State
	}{
		"the same":  {namespaced, Current},
		"a new one": {strings.Replace(namespaced, "tail:1", "tail:2", 1), InPlace},
	} {
		t.Run(name, func(t *testing.T) {
			if i := judged(t, setOf(t, test.text), Server{Minor: 37, Resize: true}, shop(), pod).Instances[0]; i.State != test.want {
				t.Errorf("got %v, want %v: %s", i.State, test.want, i.Why)
			}
		})
	}
}

// TestAPatchedPodIsCurrent: the status annotation of the patch is that of a new pod.
func TestAPatchedPodIsCurrent(t *testing.T) {
	newest := setOf(t, strings.Replace(strings.Replace(tail, "tail:1", "tail:2", 1), "cpu: 10m", "cpu: 20m", 1))
	server := Server{Minor: 37, Resize: true}
	pod := created(t, setOf(t, tail), shop(), web, nil)
	s := judged(t, newest, server, shop(), pod)
	for _, c := range s.Changes() {
		container := named(items(part(pod, "spec"), "initContainers"), c.Container)
		if c.Field == "image" {
			container["image"] = c.To
			continue
		}
		list, name, _ := strings.Cut(c.Field, ".")
		part(container, "resources", list)[name] = c.To
	}
	part(pod, "metadata", "annotations")[inject.StatusAnnotation] = s.Status
	after := judged(t, newest, server, shop(), pod).Instances[0]
	if len(s.Changes()) != 2 || after.State != Current || after.Revision != after.Today {
		t.Errorf("after %v: %+v", s.Changes(), after)
	}
}

// TestPodsWithoutTheirSidecar covers pods that are missed, blocked, opted out, or not the injector's.
func TestPodsWithoutTheirSidecar(t *testing.T) {
	asking := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "enabled"}, Annotations: map[string]string{inject.RequestAnnotation: "tail"}}
	disabled := inject.Namespace{Name: "shop", Labels: map[string]string{inject.InjectionLabel: "disabled"}}
	for name, test := range map[string]struct {
		namespace inject.Namespace
		metadata  string
		want      State
		bare      bool
	}{
		"it asks":                               {shop(), `{"annotations":{"sidecar-injector.dev/inject":"tail"}}`, Missed, false},
		"its namespace asks":                    {asking, `{}`, Missed, false},
		"it asks for nothing":                   {shop(), `{}`, Current, true},
		"it asks for what is not there":         {shop(), `{"annotations":{"sidecar-injector.dev/inject":"tale"}}`, Blocked, false},
		"its request cannot be read":            {shop(), `{"annotations":{"sidecar-injector.dev/inject":"true"}}`, Blocked, false},
		"it declines":                           {asking, `{"annotations":{"sidecar-injector.dev/inject":""}}`, OptedOut, false},
		"it declines what nobody offers":        {shop(), `{"annotations":{"sidecar-injector.dev/inject":""}}`, Current, true},
		"its label declines":                    {shop(), `{"labels":{"sidecar-injector.dev/injection":"disabled"}}`, OptedOut, false},
		"its namespace declines":                {disabled, `{"annotations":{"sidecar-injector.dev/inject":"tail"}}`, OptedOut, false},
		"its namespace declines, and it is odd": {disabled, `{}`, Current, true},
		"it is not opted in":                    {inject.Namespace{Name: "shop"}, `{"annotations":{"sidecar-injector.dev/inject":"tail"}}`, Current, true},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := decode([]byte(`{"metadata":` + test.metadata + `,"spec":{"containers":[{"name":"app","image":"app:1"}]}}`))
			must(t, err)
			s := judged(t, setOf(t, tail), Server{}, test.namespace, v.(object))
			if s.Bare != test.bare || !s.Bare && s.Instances[0].State != test.want {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// TestASidecarThatNothingAsksForHasOptedOut: it stays in the pod, whatever declined it since.
func TestASidecarThatNothingAsksForHasOptedOut(t *testing.T) {
	for name, change := range map[string]func(pod object, n *inject.Namespace){
		"the annotation has gone": func(pod object, _ *inject.Namespace) {
			delete(part(pod, "metadata", "annotations"), inject.RequestAnnotation)
		},
		"the label declines": func(pod object, _ *inject.Namespace) {
			part(pod, "metadata", "labels")[inject.InjectionLabel] = "disabled"
		},
		"the namespace declines":   func(_ object, n *inject.Namespace) { n.Labels = map[string]string{inject.InjectionLabel: "disabled"} },
		"the namespace is no more": func(_ object, n *inject.Namespace) { n.Labels = nil },
	} {
		t.Run(name, func(t *testing.T) {
			set, n := setOf(t, tail), shop()
			pod := created(t, set, n, web, nil)
			change(pod, &n)
			if s := judged(t, set, Server{}, n, pod); len(s.Instances) != 1 || s.Instances[0].State != OptedOut || s.Instances[0].Why == "" {
				t.Errorf("got %+v", s)
			}
		})
	}
}

// TestABudgetBlocksWhatTakesThePodAway checks also that a budget blocks nothing else: cpu and memory change
// while the pod runs.
func TestABudgetBlocksWhatTakesThePodAway(t *testing.T) {
	none := &Cover{Ready: true, Budgets: []*Budget{{Name: "web", Says: "2 healthy, at least 2 wanted"}}}
	for name, test := range map[string]struct {
		instance Instance
		want     State
	}{
		"current":                     {Instance{State: Current}, Current},
		"restart":                     {Instance{State: Restart}, Blocked},
		"missed":                      {Instance{State: Missed}, Blocked},
		"a new image":                 {Instance{State: InPlace, Changes: []Change{{Field: "image", Ready: true}}}, Blocked},
		"a new amount":                {Instance{State: InPlace, Changes: []Change{{Field: "requests.cpu", Ready: true}}}, InPlace},
		"a new amount with a restart": {Instance{State: InPlace, Changes: []Change{{Field: "limits.memory", Restarts: true, Ready: true}}}, Blocked},
		"what does not run anyway":    {Instance{State: InPlace, Changes: []Change{{Field: "image"}}}, InPlace},
	} {
		t.Run(name, func(t *testing.T) {
			s := Standing{Instances: []Instance{test.instance}}
			s.Obstruct(none)
			if got := s.Instances[0]; got.State != test.want || got.State == Blocked && !strings.Contains(got.Why, "PodDisruptionBudget web") {
				t.Errorf("got %v: %s", got.State, got.Why)
			}
			s = Standing{Instances: []Instance{test.instance}}
			s.Obstruct(&Cover{Ready: true, Budgets: []*Budget{{Name: "web", Allowed: 1}}})
			if s.Instances[0].State != test.instance.State {
				t.Errorf("a budget with room: got %v", s.Instances[0].State)
			}
		})
	}
}

// BenchmarkJudge measures what status does for each pod after reading it, for a current pod and one of
// another revision.
func BenchmarkJudge(b *testing.B) {
	set := setOf(b, tail)
	text, err := json.Marshal(created(b, set, shop(), web, nil))
	must(b, err)
	for name, today := range map[string]*templates.Set{"current": set, "stale": setOf(b, strings.Replace(tail, "tail:1", "tail:2", 1))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			t := &Today{Set: today, Settings: config.Default().Settings(), Server: Server{Minor: 37, Resize: true}}
			for b.Loop() {
				if _, err := t.Judge(shop(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
