package live

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"

	corev1 "k8s.io/api/core/v1"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Namespace reads a namespace. It returns nil, with a note, if the user may not read it, and an error if it
// does not exist.
func (r *Reader) Namespace(ctx context.Context, name string) (*inject.Namespace, error) {
	n, err := r.namespaces().Get(ctx, name, metav1.GetOptions{})
	switch {
	case absent(err):
		return nil, fmt.Errorf("namespace %q: does not exist", name)
	case err != nil:
		if Denied(err) {
			r.unreadNamespace(name)
		}
		return nil, r.excuse("namespace "+name, "it counts as enabled, without annotations", err)
	}
	return namespaceOf(n), nil
}

// unreadNamespace adds the gap of a namespace whose labels and annotations cannot be read.
func (r *Reader) unreadNamespace(name string) {
	r.gaps = append(r.gaps, gap{ofNamespace, missing("namespace "+name, "get", "namespaces", ""), func(in, _ string, _ *templates.Entry) bool { return in == name }})
}

// Namespaces returns all namespaces of the cluster except those that are being deleted, in which nothing is
// created or repaired any more.
func (r *Reader) Namespaces(ctx context.Context) ([]inject.Namespace, error) {
	return chunks(ctx, r.namespaces().List, func(page *metav1.PartialObjectMetadataList) (all []inject.Namespace) {
		for i := range page.Items {
			if page.Items[i].DeletionTimestamp == nil {
				all = append(all, *namespaceOf(&page.Items[i]))
			}
		}
		return all
	})
}

func (r *Reader) namespaces() metadata.Getter {
	return r.metadata.Resource(corev1.SchemeGroupVersion.WithResource("namespaces"))
}

func namespaceOf(n *metav1.PartialObjectMetadata) *inject.Namespace {
	return &inject.Namespace{Name: n.Name, Labels: n.Labels, Annotations: n.Annotations}
}
