package source_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/test/sources"
)

type object = map[string]any

const groupPath = "/apis/sidecar-injector.dev/v1alpha1"

// fakeAPI is the part of an API server that a source of custom resources needs: discovery, lists and watches
// as of old servers (no streamed lists), and status. test/controlplane uses a real one.
type fakeAPI struct {
	t *testing.T

	mu       sync.Mutex
	changed  *sync.Cond
	kinds    []string // the resources that are served
	forbid   bool     // lists
	version  int
	objects  map[string]object // by path
	events   []event
	requests map[string]int // by method and path
	patches  []object       // of statuses
	answer   int            // to patches, when it is not 0
}

type event struct {
	version  int
	resource string
	kind     string
	object   object
}

func newFakeAPI(t *testing.T, kinds ...string) (*fakeAPI, *rest.Config) {
	t.Helper()
	f := &fakeAPI{t: t, kinds: kinds, objects: map[string]object{}, requests: map[string]int{}}
	f.changed = sync.NewCond(&f.mu)
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		server.CloseClientConnections()
		f.change(func() {})
		server.Close()
	})
	return f, &rest.Config{Host: server.URL, QPS: -1}
}

// change calls what with the server's lock held, and wakes its watches.
func (f *fakeAPI) change(what func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	what()
	f.changed.Broadcast()
}

// set replaces the templates of the cluster. A changed spec gets a new generation.
func (f *fakeAPI) set(content []sources.Template) {
	f.change(func() {
		wanted := map[string]bool{}
		for _, template := range content {
			var o object
			if err := yaml.Unmarshal([]byte(template.Text()), &o); err != nil {
				f.t.Fatal(err)
			}
			path := groupPath + "/" + v1alpha1.ClusterSidecarTemplates + "/" + template.Name
			wanted[path] = true
			f.put(path, template.Name, o["spec"])
		}
		for _, path := range slices.Sorted(maps.Keys(f.objects)) {
			if !wanted[path] {
				f.remove(path)
			}
		}
	})
}

func (f *fakeAPI) put(path, name string, spec any) {
	before := f.objects[path]
	kind, metadata := "MODIFIED", object{"name": name, "uid": "uid-" + name, "generation": 1}
	if before == nil {
		kind = "ADDED"
	} else {
		if fmt.Sprint(before["spec"]) == fmt.Sprint(spec) {
			return
		}
		metadata["generation"] = before["metadata"].(object)["generation"].(int) + 1
	}
	now := object{"apiVersion": v1alpha1.GroupVersion.String(), "kind": v1alpha1.ClusterSidecarTemplateKind, "metadata": metadata, "spec": spec}
	if before != nil {
		now["status"] = before["status"]
	}
	f.store(path, kind, now)
}

// store stores an object and adds a watch event.
func (f *fakeAPI) store(path, kind string, now object) {
	f.version++
	metadata := maps.Clone(now["metadata"].(object))
	metadata["resourceVersion"] = fmt.Sprint(f.version)
	now = maps.Clone(now)
	now["metadata"] = metadata
	f.objects[path] = now
	f.events = append(f.events, event{f.version, resourceOf(path), kind, now})
}

func (f *fakeAPI) remove(path string) {
	f.version++
	f.events = append(f.events, event{f.version, resourceOf(path), "DELETED", f.objects[path]})
	delete(f.objects, path)
}

func resourceOf(path string) string {
	return strings.Split(strings.TrimPrefix(path, groupPath+"/"), "/")[0]
}

func (f *fakeAPI) count(request string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests[request]
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests[r.Method+" "+r.URL.Path]++
	f.mu.Unlock()
	resource := resourceOf(r.URL.Path)
	f.mu.Lock()
	served, forbidden := slices.Contains(f.kinds, resource), f.forbid
	f.mu.Unlock()
	switch {
	case r.URL.Path == groupPath:
		f.discover(w)
	case !served:
		fail(w, http.StatusNotFound, "NotFound")
	case r.Method == http.MethodPatch:
		f.patch(w, r)
	case forbidden:
		fail(w, http.StatusForbidden, "Forbidden")
	case r.URL.Query().Get("sendInitialEvents") != "":
		fail(w, http.StatusUnprocessableEntity, "Invalid")
	case r.URL.Query().Get("watch") != "":
		f.watch(w, r, resource)
	default:
		f.list(w, resource)
	}
}

func fail(w http.ResponseWriter, code int, reason string) {
	answer(w, code, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": reason})
}

func answer(w http.ResponseWriter, code int, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(what)
}

func (f *fakeAPI) discover(w http.ResponseWriter) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.kinds) == 0 {
		fail(w, http.StatusNotFound, "NotFound")
		return
	}
	var list []object
	for _, kind := range f.kinds {
		list = append(list, object{"name": kind})
	}
	answer(w, http.StatusOK, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": v1alpha1.GroupVersion.String(), "resources": list})
}

func (f *fakeAPI) list(w http.ResponseWriter, resource string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	items, kind := []object{}, v1alpha1.ClusterSidecarTemplateKind
	if resource == v1alpha1.SidecarTemplates {
		kind = v1alpha1.SidecarTemplateKind
	}
	for path, o := range f.objects {
		if resourceOf(path) == resource {
			items = append(items, o)
		}
	}
	answer(w, http.StatusOK, object{"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind + "List",
		"metadata": object{"resourceVersion": fmt.Sprint(f.version)}, "items": items})
}

// watch sends events until the kind is removed or the client disconnects.
func (f *fakeAPI) watch(w http.ResponseWriter, r *http.Request, resource string) {
	var from int
	_, _ = fmt.Sscan(r.URL.Query().Get("resourceVersion"), &from)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	flush := w.(http.Flusher)
	flush.Flush()
	defer context.AfterFunc(r.Context(), func() { f.change(func() {}) })()
	f.mu.Lock()
	defer f.mu.Unlock()
	for sent := 0; slices.Contains(f.kinds, resource) && r.Context().Err() == nil; f.changed.Wait() {
		for ; sent < len(f.events); sent++ {
			if e := f.events[sent]; e.version > from && e.resource == resource {
				_ = json.NewEncoder(w).Encode(object{"type": e.kind, "object": e.object})
				flush.Flush()
			}
		}
	}
}

// patch stores a status.
func (f *fakeAPI) patch(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.changed.Broadcast()
	if f.answer != 0 {
		fail(w, f.answer, "Failed")
		return
	}
	path, isStatus := strings.CutSuffix(r.URL.Path, "/status")
	text, err := io.ReadAll(r.Body)
	var patch object
	if err != nil || yaml.Unmarshal(text, &patch) != nil || !isStatus || f.objects[path] == nil {
		fail(w, http.StatusNotFound, "NotFound")
		return
	}
	if patch["metadata"].(object)["uid"] != f.objects[path]["metadata"].(object)["uid"] {
		fail(w, http.StatusConflict, "Conflict")
		return
	}
	f.patches = append(f.patches, patch)
	now := maps.Clone(f.objects[path])
	now["status"] = patch["status"]
	f.store(path, "MODIFIED", now)
	answer(w, http.StatusOK, f.objects[path])
}
