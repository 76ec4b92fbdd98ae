package live

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// source is a ConfigMap, or the template resources of a kind in a namespace, "" for all.
type source struct{ kind, namespace, name string }

// versionOf returns the version of an object's content. Resources have a generation, which does not change
// with their status.
func versionOf(o metav1.Object) string {
	version := o.GetResourceVersion()
	if g := o.GetGeneration(); g != 0 {
		version = fmt.Sprint(g)
	}
	return o.GetNamespace() + "/" + o.GetName() + " " + string(o.GetUID()) + " " + version
}

// versionsOf returns the versions of objects, independent of their order.
func versionsOf[T any, O interface {
	*T
	metav1.Object
}](items []T) string {
	var all []string
	for i := range items {
		all = append(all, versionOf(O(&items[i])))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// saw records the version of a source as it was read; "" if there is none, or it may not be read.
func (r *Reader) saw(s source, version string) {
	if r.versions == nil {
		r.versions = map[source]string{}
	}
	r.versions[s] = version
}

// Changed reports whether settings or templates are other than they were when they were read. It may be
// called concurrently once they are.
func (r *Reader) Changed(ctx context.Context) (bool, error) {
	for _, s := range slices.SortedFunc(maps.Keys(r.versions), func(a, b source) int {
		return strings.Compare(fmt.Sprint(a), fmt.Sprint(b))
	}) {
		version, err := r.version(ctx, s)
		if apierrors.IsNotFound(err) || Denied(err) {
			version, err = "", nil
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", s.kind, err)
		}
		if version != r.versions[s] {
			return true, nil
		}
	}
	return false, nil
}

func (r *Reader) version(ctx context.Context, s source) (string, error) {
	if s.name != "" {
		o, err := r.metadata.Resource(corev1.SchemeGroupVersion.WithResource("configmaps")).Namespace(s.namespace).Get(ctx, s.name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		return versionOf(o), nil
	}
	all, err := chunks(ctx, r.metadata.Resource(v1alpha1.GroupVersion.WithResource(pluralOf(s.kind))).Namespace(s.namespace).List, headers)
	return versionsOf(all), err
}

// NamespaceChanged reports whether the labels and annotations that decide about pods are other than they
// were when a namespace was read.
func (r *Reader) NamespaceChanged(ctx context.Context, was inject.Namespace) (bool, error) {
	n, err := r.namespaces().Get(ctx, was.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || Denied(err) {
		return false, nil // in a namespace that has gone there is nothing to change; one that may not be read is a gap
	}
	if err != nil {
		return false, fmt.Errorf("namespace %s: %w", was.Name, err)
	}
	return !maps.Equal(n.Labels, was.Labels) || !maps.Equal(deciding(n.Annotations), deciding(was.Annotations)), nil
}

// deciding returns the annotations that the injector reads.
func deciding(annotations map[string]string) map[string]string {
	all := maps.Clone(annotations)
	maps.DeleteFunc(all, func(key, _ string) bool {
		prefix, _, _ := strings.Cut(key, "/")
		return prefix != inject.Domain && !strings.HasSuffix(prefix, "."+inject.Domain)
	})
	return all
}
