package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/webhook"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// apiServer answers the requests of a watch of namespaces: it streams the namespace shop and a bookmark
// that ends the initial list. read answers a live read.
type apiServer struct {
	labels map[string]string // labels of shop in the watch
	later  chan string       // names of namespaces that are created meanwhile
	read   http.HandlerFunc
	reads  atomic.Int32
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/") {
		s.reads.Add(1)
		s.read(w, r)
		return
	}
	end := partial("")
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	shop := partial("shop")
	shop.Labels = s.labels
	writeJSON(w, event{"ADDED", shop})
	writeJSON(w, event{"BOOKMARK", end})
	for {
		_ = http.NewResponseController(w).Flush()
		select {
		case name := <-s.later: // never, if it is nil
			writeJSON(w, event{"ADDED", partial(name)})
		case <-r.Context().Done():
			return
		}
	}
}

type event struct {
	Type   string                        `json:"type"`
	Object *metav1.PartialObjectMetadata `json:"object"`
}

func partial(name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"},
		ObjectMeta: metav1.ObjectMeta{
			Name:            name,
			ResourceVersion: "1",
			Labels:          map[string]string{inject.InjectionLabel: "enabled"},
			Annotations:     map[string]string{"team": name},
		},
	}
}

func writeJSON(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object)
}

func giveShop2(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, partial("shop-2"))
}

// watched calls watchedBy with the namespace shop enabled.
func watched(t *testing.T, server *apiServer, synced bool) *webhook.WatchedNamespaces {
	t.Helper()
	server.labels = labelled("enabled")
	return watchedBy(t, server, synced)
}

// watchedBy runs a watch against the server; if synced is true, it waits for the initial list.
func watchedBy(t *testing.T, server *apiServer, synced bool) *webhook.WatchedNamespaces {
	t.Helper()
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	client, err := metadata.NewForConfig(&rest.Config{Host: listener.URL, QPS: -1})
	if err != nil {
		t.Fatal(err)
	}
	namespaces, err := webhook.NewWatchedNamespaces(client)
	if err != nil {
		t.Fatal(err)
	}
	if synced {
		ctx, stop := context.WithCancel(t.Context())
		t.Cleanup(stop) // stop before the listener is closed, which waits for its connections
		go namespaces.Run(ctx)
		for !namespaces.Synced() {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				t.Fatal("the watch has not begun in time")
			}
		}
	}
	return namespaces
}

func want(name string) inject.Namespace {
	object := partial(name)
	return inject.Namespace{Name: name, Labels: object.Labels, Annotations: object.Annotations}
}

func TestANamespaceThatTheWatchHasIsNotRead(t *testing.T) {
	server := &apiServer{read: giveShop2}
	got, err := watched(t, server, true).Namespace(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want("shop"), got); diff != "" {
		t.Errorf("namespace (-want +got):\n%s", diff)
	}
	if n := server.reads.Load(); n != 0 {
		t.Errorf("%d live reads, want none", n)
	}
}

func TestANamespaceThatTheWatchLacksIsRead(t *testing.T) {
	for name, synced := range map[string]bool{"made a moment ago": true, "before the watch has begun": false} {
		t.Run(name, func(t *testing.T) {
			got, err := watched(t, &apiServer{read: giveShop2}, synced).Namespace(t.Context(), "shop-2")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want("shop-2"), got); diff != "" {
				t.Errorf("namespace (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesThatAreMadeUpDoNotHoldUpNamespacesThatExist: they use up the reads of namespaces that the watch lacks. It
// has a new one soon, and reads of those that it has are counted apart.
func TestNamesThatAreMadeUpDoNotHoldUpNamespacesThatExist(t *testing.T) {
	server := &apiServer{later: make(chan string), read: func(w http.ResponseWriter, r *http.Request) {
		if name := path.Base(r.URL.Path); !strings.HasPrefix(name, "none") {
			writeJSON(w, partial(name))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		writeJSON(w, nil)
	}}
	namespaces := watched(t, server, true)
	flood, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for n := range 200 {
		all.Go(func() {
			for i := 0; flood.Err() == nil; i++ {
				_, _ = namespaces.Namespace(flood, fmt.Sprintf("none-%d-%d", n, i))
			}
		})
	}
	defer all.Wait()
	defer end()
	refused := false
	for n := 0; n < 1000 && !refused; n++ {
		_, err := namespaces.Namespace(t.Context(), fmt.Sprint("none-too-", n))
		refused = !apierrors.IsNotFound(err)
	}
	if !refused {
		t.Fatal("the reads are not used up")
	}
	const tries = 5 // a slow machine may not be in time for each
	for n := range tries {
		name := fmt.Sprint("new-", n)
		go func() { server.later <- name }()
		got, fresh := namespaces.Namespace(t.Context(), name)
		_, known := namespaces.Reread(t.Context(), "shop")
		if fresh == nil && known == nil {
			if diff := cmp.Diff(want(name), got); diff != "" {
				t.Errorf("namespace (-want +got):\n%s", diff)
			}
			return
		}
		t.Logf("try %d: a new namespace: %v; another one: %v", n, fresh, known)
	}
	t.Errorf("no namespace was found in %d tries", tries)
}

func TestPodsThatWaitForOneNamespaceShareOneRead(t *testing.T) {
	const pods = 50
	server := &apiServer{}
	var begun sync.WaitGroup
	begun.Add(pods)
	server.read = func(w http.ResponseWriter, r *http.Request) {
		begun.Wait()
		giveShop2(w, r)
	}
	namespaces := watched(t, server, true)
	errs := make(chan error, pods)
	for range pods {
		go func() {
			begun.Done()
			_, err := namespaces.Namespace(t.Context(), "shop-2")
			errs <- err
		}()
	}
	for range pods {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := server.reads.Load(); n >= pods {
		t.Errorf("%d live reads for %d pods, want fewer", n, pods)
	}
}

func TestANamespaceThatCannotBeReadIsAnErrorNeverASkip(t *testing.T) {
	cases := map[string]http.HandlerFunc{
		"it does not exist":                          http.NotFound,
		"the API server is ill":                      func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "ill", http.StatusInternalServerError) },
		"the answer takes longer than half a second": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	for name, read := range cases {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := watched(t, &apiServer{read: read}, true).Namespace(t.Context(), "shop-2")
			if err == nil {
				t.Fatal("no error")
			}
			if took := time.Since(start); took > 4*time.Second {
				t.Errorf("answered after %s, which is past the API server's patience", took)
			}
		})
	}
}
