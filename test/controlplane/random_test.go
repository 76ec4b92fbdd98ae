//go:build controlplane

package controlplane

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/sidecar-injector/sidecar-injector/config"
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

var (
	randomSeed = flag.Uint64("seed", 1, "of the random pods")
	randomPods = flag.Int("pods", 1000, "how many random pods")
)

// asked is one instance that a random pod requests.
type asked struct {
	instance string
	template *randomTemplate
}

// tally counts the outcomes of the random pods.
type tally struct {
	sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.Lock()
	defer c.Unlock()
	c.counts[what]++
}

// TestRandomPodsAreStoredAsInjectPrintsThem sends valid pods with one to four random templates to the API
// server and to the function that inject calls (test/golden compares the program with it). The stored pod
// must equal the function's; both must refuse the same pods; and if the function refuses a conflict that the
// API server detects too, the server must refuse the pod with everything added without resolving conflicts.
func TestRandomPodsAreStoredAsInjectPrintsThem(t *testing.T) {
	t.Parallel()
	dir, templates := randomTemplates(t, *randomSeed, 60)
	i := startInjector(t, "--template-dir", dir)
	install(t, webhookConfiguration(t, i.url, i.ca))
	namespace, uncalled, set := enabledNamespace(t), uncalledNamespace(t), loadTemplates(t, dir)
	counted := &tally{counts: map[string]int{}}
	t.Run("pod", func(t *testing.T) {
		for n := range *randomPods {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				g := newGenerator(*randomSeed, uint64(n))
				pod, instances := g.askingPod(t, fmt.Sprintf("random-%d", n), templates)
				c := randomCase{manifest: pod, asked: instances, namespace: namespace, uncalled: uncalled, templates: set}
				counted.add(c.run(t))
			})
		}
	})
	suite.report("%d random pods of seed %d: %v", *randomPods, *randomSeed, counted.counts)
}

// askingPod returns a random pod, as JSON, that requests one to four instances.
func (g generator) askingPod(t *testing.T, name string, templates []*randomTemplate) ([]byte, []asked) {
	t.Helper()
	pod := g.pod(name)
	var instances []asked
	var request []string
	for n := range 1 + g.IntN(4) {
		a := asked{template: pick(g, templates...)}
		a.instance = fmt.Sprintf("%s-%d", pick(g, "a", "logs", "the-longest-instance-name"), n)
		instances = append(instances, a)
		request = append(request, a.instance+"="+a.template.name)
		if g.chance(6) {
			pod.Annotations[a.instance+".sidecar-injector.dev/native"] = pick(g, "true", "false")
		}
		if g.chance(6) {
			pod.Annotations[a.instance+".sidecar-injector.dev/override"] = `resources: {requests: {cpu: "0.5"}, limits: {cpu: 1000m}}`
		}
	}
	pod.Annotations[requestAnnotation] = strings.Join(request, ", ")
	text, err := json.Marshal(pod)
	must(t, err)
	var o object
	must(t, json.Unmarshal(text, &o))
	g.respell(o)
	text, err = json.Marshal(o)
	must(t, err)
	return text, instances
}

type randomCase struct {
	manifest            []byte
	asked               []asked
	namespace, uncalled string
	templates           *templates.Set
}

// run returns the outcome of the pod.
func (c *randomCase) run(t *testing.T) string {
	manifest := c.manifest
	bare, err := create(t.Context(), c.uncalled, "Pod", manifest, "dryRun=All")
	if err != nil {
		t.Fatalf("the random pod is not valid: %v\n%s", err, manifest)
	}
	printed, refusedOffline := c.inject(t)
	got, err := create(t.Context(), c.namespace, "Pod", manifest)
	message, refusedOnline := refusal(err)
	switch {
	case err != nil && !refusedOnline:
		t.Fatalf("the API server refuses what the injector made of it: %v\n%s", err, manifest)
	case refusedOnline:
		if refusedOffline != message {
			t.Fatalf("the function refuses it for\n%s\nand the injector for\n%s\n%s", refusedOffline, message, manifest)
		}
		return c.forced(t, bare.object, message)
	case refusedOffline != "":
		t.Fatalf("the function refuses what the API server stores: %s\n%s", refusedOffline, manifest)
	}
	want, err := create(t.Context(), c.uncalled, "Pod", printed, "dryRun=All")
	if err != nil {
		t.Fatalf("the API server refuses what the function gives: %v\n%s", err, printed)
	}
	samePod(t, want.object, got.object)
	if t.Failed() {
		t.Logf("the pod:\n%s", manifest)
	}
	if bytes.Contains(printed, []byte(statusAnnotation)) {
		return "stored, injected"
	}
	return "stored, not injected"
}

// inject returns the pod with its sidecars, or the message with which it is refused.
func (c *randomCase) inject(t *testing.T) (printed []byte, refused string) {
	t.Helper()
	stream, err := manifest.Parse("pod.json", c.manifest)
	must(t, err)
	pods, err := stream.Pods()
	must(t, err)
	result, err := inject.Inject(c.templates, config.Default().Settings(), &inject.Request{
		Pod: pods[0].JSON, Namespace: inject.Namespace{Name: c.namespace, Labels: map[string]string{inject.InjectionLabel: "enabled"}}, Offline: true,
	})
	must(t, err)
	if !result.Allowed() {
		return nil, result.Message()
	}
	if len(result.Operations) == 0 {
		return c.manifest, ""
	}
	patch, err := jsonpatch.DecodePatch(result.Patch())
	must(t, err)
	printed, err = patch.Apply(pods[0].JSON)
	must(t, err)
	return printed, ""
}

// loadTemplates loads a folder as the injector does.
func loadTemplates(t *testing.T, dir string) *templates.Set {
	t.Helper()
	files, err := os.ReadDir(dir)
	must(t, err)
	loader := load.NewLoader()
	var entries []templates.Entry
	for _, f := range files {
		entries = append(entries, loader.Load(templates.SourceDirectory, f.Name(), read(t, dir, f.Name()))...)
	}
	return templates.NewSet(entries)
}

// clash is a conflict that inject refuses and the API server detects as well.
type clash struct {
	// message matches its refusals.
	message *regexp.Regexp
	// stricter reports whether only inject finds a conflict in the pod; nil if both always agree.
	stricter func(pod object) bool
}

func clashes() map[string]clash {
	return map[string]clash{
		"container name": {regexp.MustCompile(`the pod already has a container|container "[^"]*" is also added by`), nil},
		"volume name":    {regexp.MustCompile(`add different volumes named|of the pod is another than the one`), nil},
		// The API server compares the literal paths, inject the cleaned ones: /a/ is /a.
		"mount path": {regexp.MustCompile(`mounts volume "[^"]*" at|want different things at mount`), func(pod object) bool { return !equalMountPaths(pod) }},
		// The API server looks for equal host ports among the containers, and within each init container, as
		// if init containers never ran concurrently. Native sidecars do.
		"host port": {regexp.MustCompile(`both want host port`), func(pod object) bool { return !equalHostPorts(pod) }},
		"length":    {regexp.MustCompile(`characters, more than \d+`), nil},
	}
}

// equalMountPaths reports whether two mounts of one container have literally the same path.
func equalMountPaths(pod object) bool {
	path := func(mount object) any { return mount["mountPath"] }
	for c := range containers(pod, "containers", "initContainers") {
		if repeats(c, "volumeMounts", map[any]bool{}, path) {
			return true
		}
	}
	return false
}

// equalHostPorts reports whether two ports of the containers, or of one init container, have the same host
// port.
func equalHostPorts(pod object) bool {
	hostPort := func(port object) any {
		if port["hostPort"] == nil {
			return nil
		}
		protocol, _ := port["protocol"].(string)
		return fmt.Sprint(port["hostPort"], strings.TrimPrefix(protocol, "TCP"))
	}
	seen := map[any]bool{}
	for c := range containers(pod, "containers") {
		if repeats(c, "ports", seen, hostPort) {
			return true
		}
	}
	for c := range containers(pod, "initContainers") {
		if repeats(c, "ports", map[any]bool{}, hostPort) {
			return true
		}
	}
	return false
}

// containers iterates over lists of a pod's containers.
func containers(pod object, lists ...string) iter.Seq[object] {
	return func(yield func(object) bool) {
		for _, list := range lists {
			items, _ := pod["spec"].(object)[list].([]any)
			for _, c := range items {
				if !yield(c.(object)) {
					return
				}
			}
		}
	}
}

// repeats reports whether two items of a list have the same key; nil means no key.
func repeats(parent object, list string, seen map[any]bool, key func(object) any) bool {
	items, _ := parent[list].([]any)
	for _, item := range items {
		k := key(item.(object))
		if k != nil && seen[k] {
			return true
		}
		seen[k] = true
	}
	return false
}

// forced adds everything to the refused pod, in the form in which the API server stores it (an older one
// drops unknown fields): if the refusal is about a conflict that the API server detects, it must refuse the
// pod as well.
func (c *randomCase) forced(t *testing.T, pod object, message string) string {
	t.Helper()
	delete(pod["metadata"].(object), "resourceVersion")
	delete(pod["metadata"].(object), "uid")
	for _, a := range c.asked {
		a.template.force(t, pod, a.instance)
	}
	var kinds []string
	stricter := false
	for kind, clash := range clashes() {
		switch {
		case !clash.message.MatchString(message):
		case clash.stricter != nil && clash.stricter(pod):
			stricter = true
		default:
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
	_, err := create(t.Context(), c.uncalled, "Pod", pod, "dryRun=All")
	switch {
	case len(kinds) == 0 && stricter:
		return "refused, stricter than the API server"
	case len(kinds) == 0:
		return "refused for what the API server does not check"
	case !apierrors.IsInvalid(err):
		t.Errorf("inject refuses a clash (%s) that the API server takes (%v): %s\n%s", strings.Join(kinds, ", "), err, message, c.manifest)
	}
	return "refused by both: " + strings.Join(kinds, ", ")
}
