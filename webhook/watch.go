package webhook

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/singleflight"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// liveReadTimeout bounds the one read of a namespace that the watch does not have:
// a tenth of the time that the API server waits for an answer by default.
const liveReadTimeout = 500 * time.Millisecond

// WatchedNamespaces are those of a cluster. A watch of their metadata answers; a
// namespace that it does not have, because it has just been made or the watch is
// late, is read once. Nothing is concluded from a namespace that cannot be read.
type WatchedNamespaces struct {
	client   metadata.Getter
	informer cache.SharedIndexInformer
	reads    singleflight.Group
}

// NewWatchedNamespaces prepares the watch; Run runs it.
func NewWatchedNamespaces(client metadata.Interface) (*WatchedNamespaces, error) {
	resource := corev1.SchemeGroupVersion.WithResource("namespaces")
	informer := metadatainformer.NewFilteredMetadataInformer(client, resource, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	if err := informer.SetTransform(keepWhatCounts); err != nil {
		return nil, fmt.Errorf("watch of namespaces: %w", err)
	}
	return &WatchedNamespaces{client: client.Resource(resource), informer: informer}, nil
}

// Run watches until ctx is done.
func (w *WatchedNamespaces) Run(ctx context.Context) { w.informer.RunWithContext(ctx) }

// Synced says whether the watch has seen all namespaces once.
func (w *WatchedNamespaces) Synced() bool { return w.informer.HasSynced() }

// Namespace gives what the watch has of a namespace, or reads it. It fails when the
// namespace does not exist, or is not read within half a second.
func (w *WatchedNamespaces) Namespace(ctx context.Context, name string) (inject.Namespace, error) {
	stored, found, err := w.informer.GetStore().GetByKey(name)
	if err != nil {
		return inject.Namespace{}, err
	}
	if found {
		return namespaceOf(&stored.(*metav1.PartialObjectMetadata).ObjectMeta), nil
	}
	return w.read(ctx, name)
}

// read asks the API server. Pods that wait for the same namespace share one read,
// so no single one's end may end it.
func (w *WatchedNamespaces) read(ctx context.Context, name string) (inject.Namespace, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), liveReadTimeout)
	defer cancel()
	object, err, _ := w.reads.Do(name, func() (any, error) {
		return w.client.Get(ctx, name, metav1.GetOptions{})
	})
	if err != nil {
		return inject.Namespace{}, fmt.Errorf("not in the watch, and a live read fails: %w", err)
	}
	return namespaceOf(&object.(*metav1.PartialObjectMetadata).ObjectMeta), nil
}

func namespaceOf(meta *metav1.ObjectMeta) inject.Namespace {
	return inject.Namespace{Name: meta.Name, Labels: meta.Labels, Annotations: meta.Annotations}
}

// keepWhatCounts drops what a decision never looks at: managed fields are most of a namespace's metadata.
func keepWhatCounts(object any) (any, error) {
	namespace, ok := object.(*metav1.PartialObjectMetadata)
	if !ok {
		return object, nil // a deletion that the watch missed; it carries a key
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
