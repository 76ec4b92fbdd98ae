package webhook

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// WatchedNamespaces are the namespaces of a cluster. They are served from a watch of their metadata; a
// namespace that the watch does not have, because it is new or the watch is behind, is read from the API
// server. A failed read is an error, never treated as a missing namespace.
type WatchedNamespaces struct {
	informer cache.SharedIndexInformer
	reads    *liveReads
}

// NewWatchedNamespaces creates the watch; Run starts it.
func NewWatchedNamespaces(client metadata.Interface) (*WatchedNamespaces, error) {
	resource := corev1.SchemeGroupVersion.WithResource("namespaces")
	informer := metadatainformer.NewFilteredMetadataInformer(client, resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	if err := informer.SetTransform(keepWhatCounts); err != nil {
		return nil, fmt.Errorf("watch of namespaces: %w", err)
	}
	return &WatchedNamespaces{informer: informer, reads: newLiveReads(client.Resource(resource))}, nil
}

// Run watches until ctx is done.
func (w *WatchedNamespaces) Run(ctx context.Context) { w.informer.RunWithContext(ctx) }

// Synced reports whether the watch has received all namespaces once.
func (w *WatchedNamespaces) Synced() bool { return w.informer.HasSynced() }

// Namespace returns the namespace from the watch, or reads it. It fails if the namespace does not exist, or
// is not read within half a second.
func (w *WatchedNamespaces) Namespace(ctx context.Context, name string) (inject.Namespace, error) {
	stored, found, err := w.informer.GetStore().GetByKey(name)
	if err != nil {
		return inject.Namespace{}, err
	}
	if found {
		return namespaceOf(&stored.(*metav1.PartialObjectMetadata).ObjectMeta), nil
	}
	namespace, err := w.reads.read(ctx, name)
	if err != nil {
		return inject.Namespace{}, fmt.Errorf("not in the watch, and a live read fails: %w", err)
	}
	return namespace, nil
}

// Reread reads the namespace from the API server, regardless of the watch. It fails if the namespace does
// not exist, or is not read within half a second.
func (w *WatchedNamespaces) Reread(ctx context.Context, name string) (inject.Namespace, error) {
	namespace, err := w.reads.read(ctx, name)
	if err != nil {
		return inject.Namespace{}, fmt.Errorf("the watch may be behind, and a live read fails: %w", err)
	}
	return namespace, nil
}

func namespaceOf(meta *metav1.ObjectMeta) inject.Namespace {
	return inject.Namespace{Name: meta.Name, Labels: meta.Labels, Annotations: meta.Annotations}
}

// keepWhatCounts is the informer's transform: it drops the metadata that decisions never use. Managed
// fields are most of a namespace's metadata.
func keepWhatCounts(object any) (any, error) {
	namespace, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil // cache.DeletedFinalStateUnknown, for a deletion that the watch missed
	}
	namespace.ObjectMeta = metav1.ObjectMeta{
		Name:            namespace.Name,
		UID:             namespace.UID,
		ResourceVersion: namespace.ResourceVersion,
		Labels:          namespace.Labels,
		Annotations:     namespace.Annotations,
	}
	return namespace, nil
}
