package webhook

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
	// reads are those of namespaces that the watch does not have, rereads those for which it is not believed:
	// whoever names many that do not exist does not use up the latter.
	reads, rereads *liveReads
}

// NewWatchedNamespaces creates the watch; Run starts it.
func NewWatchedNamespaces(client metadata.Interface) (*WatchedNamespaces, error) {
	resource := corev1.SchemeGroupVersion.WithResource("namespaces")
	informer := metadatainformer.NewFilteredMetadataInformer(client, resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	if err := informer.SetTransform(keepWhatCounts); err != nil {
		return nil, fmt.Errorf("watch of namespaces: %w", err)
	}
	return &WatchedNamespaces{informer: informer, reads: newLiveReads(client.Resource(resource)), rereads: newLiveReads(client.Resource(resource))}, nil
}

// Run watches until ctx is done.
func (w *WatchedNamespaces) Run(ctx context.Context) { w.informer.RunWithContext(ctx) }

// Synced reports whether the watch has received all namespaces once.
func (w *WatchedNamespaces) Synced() bool { return w.informer.HasSynced() }

// Namespace returns the namespace from the watch, or reads it. It fails if the namespace does not exist, or
// is not read within half a second and the watch does not have it soon after that either.
func (w *WatchedNamespaces) Namespace(ctx context.Context, name string) (inject.Namespace, error) {
	namespace, found, err := w.watched(name)
	if found || err != nil {
		return namespace, err
	}
	namespace, err = w.reads.read(ctx, name)
	if err == nil {
		return namespace, nil
	}
	// Other namespaces may have used up the reads, but not the watch.
	for until := time.Now().Add(watchPatience); !apierrors.IsNotFound(err) && ctx.Err() == nil && time.Now().Before(until); time.Sleep(watchPatience / 10) {
		if namespace, found, _ := w.watched(name); found {
			return namespace, nil
		}
	}
	return inject.Namespace{}, fmt.Errorf("not in the watch, and a live read fails: %w", err)
}

// watchPatience is how long the watch is waited for after a read that failed, other than for a namespace that does
// not exist. The request takes a place among the concurrent ones for so long.
const watchPatience = 100 * time.Millisecond

// watched returns a namespace from the watch.
func (w *WatchedNamespaces) watched(name string) (inject.Namespace, bool, error) {
	stored, found, err := w.informer.GetStore().GetByKey(name)
	if !found || err != nil {
		return inject.Namespace{}, false, err
	}
	return namespaceOf(&stored.(*metav1.PartialObjectMetadata).ObjectMeta), true, nil
}

// Reread reads the namespace from the API server, regardless of the watch. It fails if the namespace does
// not exist, or is not read within half a second.
func (w *WatchedNamespaces) Reread(ctx context.Context, name string) (inject.Namespace, error) {
	namespace, err := w.rereads.read(ctx, name)
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
