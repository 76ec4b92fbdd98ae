package source_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/source"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/test/sources"
)

// watchedResources returns a running source of the custom resources of a cluster.
func watchedResources(t *testing.T, config *rest.Config) *source.Resources {
	t.Helper()
	resources, err := source.NewResources(config, nil)
	must(t, err)
	source.SetAbsence(resources, 20*time.Millisecond)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- resources.Watch(ctx, func() {}) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
	})
	return resources
}

func both() []string { return []string{v1alpha1.ClusterSidecarTemplates, v1alpha1.SidecarTemplates} }

func one(name string, version int) []sources.Template {
	return []sources.Template{{Name: name, Version: version}}
}

func TestResourcesKeepTheirPromises(t *testing.T) {
	sources.Test(t, func(t *testing.T) sources.Place {
		api, config := newFakeAPI(t, both()...)
		return sources.Place{Source: watchedResources(t, config), Set: api.set}
	})
}

func TestAClusterThatDoesNotKnowTheKindsHasNoTemplatesUntilItDoes(t *testing.T) {
	api, config := newFakeAPI(t)
	place := sources.Place{Source: watchedResources(t, config), Set: api.set}
	place.Await(t, "")
	api.set(one("a", 1))
	api.change(func() { api.kinds = both()[:1] }) // one kind alone
	place.Await(t, "a@1")
	api.change(func() { api.kinds = both() })
	if !api.rests("GET " + groupPath) {
		t.Error("discovery is asked on though both kinds are there")
	}
	place.Await(t, "a@1")
	api.change(func() { api.kinds = nil })
	place.Await(t, "")
	if !api.rests("GET " + groupPath + "/" + both()[0]) {
		t.Error("a kind that is not there is listed")
	}
}

// rests reports whether there are soon no more requests of a kind, of which there were some every 20 ms. How soon
// is the machine's affair.
func (api *fakeAPI) rests(request string) bool {
	for range 50 {
		before := api.count(request)
		time.Sleep(200 * time.Millisecond)
		if api.count(request) == before {
			return true
		}
	}
	return false
}

func TestNothingIsKnownBeforeBothKindsHaveBeenListed(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	api.forbid = true
	api.set(one("a", 1))
	resources := watchedResources(t, config)
	var err error
	for begun := time.Now(); err == nil && time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		var entries []templates.Entry
		if entries, err = resources.Read(); entries != nil {
			t.Fatalf("templates are known though none may be listed: %s", sources.Describe(entries))
		}
	}
	if !apierrors.IsForbidden(errors.Unwrap(err)) && !strings.Contains(err.Error(), "Forbidden") {
		t.Errorf("the error does not say why: %v", err)
	}
	api.change(func() { api.forbid = false })
	sources.Place{Source: resources}.Await(t, "a@1")
}

func TestALibraryIsReadyOnceResourcesHaveBeenListed(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	api.set(one("a", 1))
	resources, err := source.NewResources(config, nil)
	must(t, err)
	library := source.NewLibrary(time.Now, nil, (&scripted{}).load("b.yaml", template("b", 1)), resources)
	must(t, library.Load())
	if library.Ready() || describe(library.Current().Entries()) != "b@1" {
		t.Errorf("before the first list: ready %t, %s", library.Ready(), describe(library.Current().Entries()))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go library.Run(ctx)
	for begun := time.Now(); !library.Ready(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("the library is never ready")
		}
	}
	if got := describe(library.Current().Entries()); got != "a@1, b@1" {
		t.Errorf("after the first list: %s", got)
	}
}

// statuses runs a StatusWriter until the test ends; its log lines are passed to logged.
func statuses(t *testing.T, config *rest.Config, resources *source.Resources, logged func(string)) {
	t.Helper()
	statusesOf(t, config, resources, func() *templates.Set { return templates.NewSet(nil) }, logged)
}

// statusesOf is statuses with the given function for the templates in use.
func statusesOf(t *testing.T, config *rest.Config, resources *source.Resources, current func() *templates.Set, logged func(string)) {
	t.Helper()
	log := funcr.New(func(_, args string) { logged(args) }, funcr.Options{})
	writer, err := source.NewStatusWriter(config, resources, current, log)
	must(t, err)
	source.SetRecheck(writer, 20*time.Millisecond)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- writer.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, <-ended)
	})
}

// written waits until that many statuses have been written, checks that no more follow, and returns the last
// one.
func (f *fakeAPI) written(want int) (last object) {
	f.t.Helper()
	count := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.patches) > 0 {
			last = f.patches[len(f.patches)-1]["status"].(object)
		}
		return len(f.patches)
	}
	for begun := time.Now(); count() < want && time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
	}
	time.Sleep(500 * time.Millisecond)
	if got := count(); got != want {
		f.t.Fatalf("%d statuses were written, want %d", got, want)
	}
	return last
}

func ready(status object) (value, reason, message string) {
	condition := status["conditions"].([]any)[0].(object)
	return condition["status"].(string), condition["reason"].(string), condition["message"].(string)
}

func TestAStatusIsWrittenOnceForEachVersion(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	resources := watchedResources(t, config)
	statuses(t, config, resources, func(text string) { t.Error(text) })

	api.set(one("a", 1))
	status := api.written(1)
	value, reason, message := ready(status)
	if value != "True" || reason != "Loaded" || !strings.HasPrefix(message, "revision ") || status["observedGeneration"] != 1.0 || status["parameters"] != "<none>" {
		t.Errorf("good: %v", status)
	}

	api.set([]sources.Template{{Name: "a", Version: 2, Broken: true}})
	broken := api.written(2)
	value, reason, message = ready(broken)
	if value != "False" || reason != "UnknownField" || broken["observedGeneration"] != 2.0 || broken["revision"] != status["revision"] ||
		!strings.HasPrefix(message, "spec.nonsense: ") || !strings.Contains(message, "The version of generation 1 stays in force") {
		t.Errorf("broken: %v", broken)
	}

	api.set(one("a", 3))
	if value, _, _ = ready(api.written(3)); value != "True" {
		t.Error("mended, but not ready")
	}

	// If another writer removes the status, it is written again, but not at once: two writers that disagree
	// must not write continuously.
	api.change(func() {
		path := groupPath + "/" + v1alpha1.ClusterSidecarTemplates + "/a"
		now := api.objects[path]
		delete(now, "status")
		api.store(path, "MODIFIED", now)
	})
	api.written(3)
}

func TestTemplatesThatAreThereBeforeTheWriterGetTheirStatus(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	api.set([]sources.Template{{Name: "a", Version: 1, Broken: true}})
	resources := watchedResources(t, config)
	sources.Place{Source: resources}.Await(t, "a broken")
	statuses(t, config, resources, func(text string) { t.Error(text) })
	if _, _, message := ready(api.written(1)); !strings.Contains(message, "No version is in force") {
		t.Errorf("message %s", message)
	}
}

// TestTheStatusOfACanarySaysWhetherItCanCount: whether a canary can be used depends on the template that it
// stands in for.
func TestTheStatusOfACanarySaysWhetherItCanCount(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	resources, err := source.NewResources(config, nil)
	must(t, err)
	library := source.NewLibrary(time.Now, nil, resources)
	must(t, library.Load())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go library.Run(ctx)
	statusesOf(t, config, resources, library.Current, func(text string) { t.Error(text) })
	pod := object{"metadata": object{"labels": object{"a": "b"}}}
	path := func(name string) string { return groupPath + "/" + v1alpha1.ClusterSidecarTemplates + "/" + name }
	put := func(name string, spec object) { api.change(func() { api.put(path(name), name, spec) }) }

	put("next", object{"canary": object{"of": "tail", "percent": 10}, "pod": pod})
	if value, reason, message := ready(api.written(1)); value != "False" || reason != "UnusedCanary" || !strings.Contains(message, `there is no template "tail"`) {
		t.Errorf("without the template: %s %s %s", value, reason, message)
	}
	put("tail", object{"pod": pod})
	api.written(3) // one of them the template's
	api.change(func() {
		for _, p := range api.patches[1:] {
			value, _, message := ready(p["status"].(object))
			if value != "True" || p["metadata"].(object)["name"] == "next" && !strings.HasSuffix(message, "in force in the place of tail for 10 % of the workloads") {
				t.Errorf("with the template: %s %s", value, message)
			}
		}
	})
	api.change(func() { api.remove(path("tail")) })
	if value, reason, _ := ready(api.written(4)); value != "False" || reason != "UnusedCanary" {
		t.Errorf("after the template: %s %s", value, reason)
	}
}

func TestAStatusThatCannotBeWrittenIsTriedAgainAndToldOnce(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	api.answer = 500
	resources := watchedResources(t, config)
	told := make(chan string, 10)
	statuses(t, config, resources, func(text string) { told <- text })
	api.set(one("a", 1))
	const path = groupPath + "/" + v1alpha1.ClusterSidecarTemplates + "/a/status"
	for begun := time.Now(); api.count("PATCH "+path) < 2; time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("it is not tried again")
		}
	}
	api.change(func() { api.answer = 0 })
	api.written(1)
	if len(told) != 1 {
		t.Errorf("told %d times", len(told))
	}
}

func TestAStatusIsNeverWrittenToTheSuccessorOfATemplate(t *testing.T) {
	api, config := newFakeAPI(t, both()...)
	resources := watchedResources(t, config)
	statuses(t, config, resources, func(text string) { t.Error(text) })
	api.set(one("a", 1))
	api.written(1)
	api.change(func() {
		// The successor is created without an event, so that the writer does not know it yet.
		path := groupPath + "/" + v1alpha1.ClusterSidecarTemplates + "/a"
		now := api.objects[path]
		now["metadata"].(object)["uid"] = "another"
		api.events = append(api.events, event{api.version + 1, v1alpha1.ClusterSidecarTemplates, "MODIFIED", object{
			"apiVersion": now["apiVersion"], "kind": now["kind"], "spec": object{"nonsense": true},
			"metadata": object{"name": "a", "uid": "uid-a", "generation": 2, "resourceVersion": "1000"},
		}})
		api.version++
	})
	api.written(1)
}
