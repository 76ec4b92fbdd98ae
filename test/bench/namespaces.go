//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/webhook"
)

// watchedNamespaces is large enough to make the rest of the heap insignificant.
const watchedNamespaces = 10000

// bytesPerNamespace returns the heap that the injector's watch uses per namespace, measured as the difference
// made by ten thousand namespaces of a simulated API server.
func bytesPerNamespace() (float64, error) {
	api := httptest.NewServer(http.HandlerFunc(listNamespaces))
	defer api.Close()
	defer api.CloseClientConnections() // the watch does not end by itself
	client, err := metadata.NewForConfig(&rest.Config{Host: api.URL})
	if err != nil {
		return 0, err
	}
	watch, err := webhook.NewWatchedNamespaces(client)
	if err != nil {
		return 0, err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	before := heap()
	go watch.Run(ctx)
	for began := time.Now(); !watch.Synced(); <-time.After(10 * time.Millisecond) {
		if time.Since(began) > patience {
			return 0, errors.New("watch of namespaces: does not get ready")
		}
	}
	after := heap()
	if _, err := watch.Namespace(ctx, "team-00042"); err != nil { // keeps it reachable
		return 0, err
	}
	return float64(after-before) / watchedNamespaces, nil
}

// heap returns the size of the heap after collection. The second collection frees what finalizers held.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// listNamespaces answers the list; the watch that follows blocks until its end.
func listNamespaces(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case query.Get("sendInitialEvents") != "": // a list streamed by a watch
		http.Error(w, "not here", http.StatusNotFound)
		return
	case query.Get("watch") != "":
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return
	}
	list := metav1.PartialObjectMetadataList{
		TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadataList"},
		ListMeta: metav1.ListMeta{ResourceVersion: "1"},
	}
	for i := range watchedNamespaces {
		name := fmt.Sprintf("team-%05d", i)
		list.Items = append(list.Items, metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "meta.k8s.io/v1", Kind: "PartialObjectMetadata"},
			ObjectMeta: metav1.ObjectMeta{
				Name: name, UID: "2d7bb64c-93cc-4a52-9a1e-8b5cf53a7d3b", ResourceVersion: fmt.Sprint(i),
				Labels: map[string]string{"kubernetes.io/metadata.name": name, "sidecar-injector.dev/injection": "enabled",
					"example.com/team": name, "pod-security.kubernetes.io/enforce": "restricted"},
				Annotations: map[string]string{"example.com/owner": name + "@example.com", "example.com/cost-centre": fmt.Sprint(i),
					"openshift.io/sa.scc.uid-range": "1000680000/10000"},
				ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationApply, APIVersion: "v1",
					FieldsType: "FieldsV1", FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:metadata":{"f:labels":{}}}`)}}},
			},
		})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(list)
}
