package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// apiServer answers lists and watches of ConfigMaps and Secrets.
type apiServer struct {
	mu        sync.Mutex
	objects   map[string]metav1.Object // by path
	watches   map[chan event]struct{}
	forbidden bool
}

type event struct {
	Type   string        `json:"type"`
	Object metav1.Object `json:"object"`
}

func newAPIServer() *apiServer {
	return &apiServer{objects: map[string]metav1.Object{}, watches: map[chan event]struct{}{}}
}

func path(o metav1.Object) string {
	resource := "configmaps"
	if _, ok := o.(*v1.Secret); ok {
		resource = "secrets"
	}
	return "/api/v1/namespaces/" + o.GetNamespace() + "/" + resource + "/" + o.GetName()
}

func (a *apiServer) put(o metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	kind := "MODIFIED"
	if a.objects[path(o)] == nil {
		kind = "ADDED"
	}
	a.objects[path(o)] = o
	a.tell(event{kind, o})
}

func (a *apiServer) delete(o metav1.Object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.objects, path(o))
	a.tell(event{"DELETED", o})
}

func (a *apiServer) tell(e event) {
	for w := range a.watches {
		w <- e
	}
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	selector, _ := labels.Parse(r.URL.Query().Get("labelSelector"))
	matches := func(o metav1.Object) bool {
		found := strings.TrimSuffix(path(o), "/"+o.GetName())
		every := "/api/v1" + found[strings.LastIndexByte(found, '/'):]
		return (r.URL.Path == found || r.URL.Path == every) && selector.Matches(labels.Set(o.GetLabels()))
	}
	w.Header().Set("Content-Type", "application/json")
	changes, current, ok := a.subscribe(matches)
	defer a.unsubscribe(changes)
	if !ok {
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(metav1.Status{
			TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
			Status:   "Failure", Reason: metav1.StatusReasonForbidden, Code: 403, Message: "you may not list",
		})
		return
	}
	if r.URL.Query().Get("watch") == "" {
		_ = json.NewEncoder(w).Encode(map[string]any{"items": current})
		return
	}
	for _, o := range current {
		_ = json.NewEncoder(w).Encode(event{"ADDED", o})
	}
	for {
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case e := <-changes:
			if matches(e.Object) {
				_ = json.NewEncoder(w).Encode(e)
			}
		}
	}
}

func (a *apiServer) subscribe(matches func(metav1.Object) bool) (changes chan event, current []metav1.Object, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	changes, current = make(chan event, 100), []metav1.Object{}
	a.watches[changes] = struct{}{}
	for _, o := range a.objects {
		if matches(o) {
			current = append(current, o)
		}
	}
	return changes, current, !a.forbidden
}

func (a *apiServer) unsubscribe(changes chan event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.watches, changes)
}

func configMap(name string, data map[string]string) *v1.ConfigMap {
	return &v1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"config": "1"}},
		Data:       data,
	}
}

func secret(name string, data map[string][]byte) *v1.Secret {
	return &v1.Secret{
		TypeMeta:   metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"config": "1"}},
		Data:       data,
	}
}
