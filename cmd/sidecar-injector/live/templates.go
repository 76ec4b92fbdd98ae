package live

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// templatesSuffix is the suffix of the name of the ConfigMap with an installation's templates.
const templatesSuffix = "-templates"

// Templates returns the templates of the cluster: those in the ConfigMaps of the installations that are called, and the
// custom resources, of which namespaced ones are read from the given namespaces only ("" for all).
func (r *Reader) Templates(ctx context.Context, installations []Installation, namespaces ...string) ([]templates.Entry, error) {
	loader := load.NewLoader()
	var all []templates.Entry
	for _, i := range installations {
		if i.Namespace == "" || !i.Called {
			continue
		}
		name := i.Name + templatesSuffix
		held, denied, err := r.configMap(ctx, i.Namespace, name, "templates in it do not count; --template-dir names a folder with copies")
		if err != nil {
			return nil, err
		}
		if denied {
			r.unreadFiles(missing("ConfigMap "+name, "get", "configmaps", i.Namespace))
		}
		if held == nil {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(held.Data)) {
			file := fmt.Sprintf("ConfigMap %s/%s, %s", held.Namespace, held.Name, key)
			all = append(all, loader.Load(templates.SourceDirectory, file, []byte(held.Data[key]))...)
		}
	}
	for _, namespace := range namespaces {
		entries, err := r.resources(ctx, loader, v1alpha1.SidecarTemplateKind, namespace)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	entries, err := r.resources(ctx, loader, v1alpha1.ClusterSidecarTemplateKind, "")
	return append(all, entries...), err
}

// TemplateResources returns the custom resources of a kind; none if the cluster does not have the kind.
func (r *Reader) TemplateResources(ctx context.Context, kind, namespace string) ([]unstructured.Unstructured, error) {
	resources := r.dynamic.Resource(v1alpha1.GroupVersion.WithResource(pluralOf(kind))).Namespace(namespace)
	items, err := chunks(ctx, resources.List, func(page *unstructured.UnstructuredList) []unstructured.Unstructured { return page.Items })
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return items, err
}

func pluralOf(kind string) string {
	if kind == v1alpha1.ClusterSidecarTemplateKind {
		return v1alpha1.ClusterSidecarTemplates
	}
	return v1alpha1.SidecarTemplates
}

func (r *Reader) resources(ctx context.Context, loader *load.Loader, kind, namespace string) ([]templates.Entry, error) {
	items, err := r.TemplateResources(ctx, kind, namespace)
	r.saw(source{kind: kind, namespace: namespace}, versionsOf(items))
	if err != nil {
		if Denied(err) {
			r.unreadTemplates(kind, pluralOf(kind), namespace)
		}
		what := kind + "s"
		if namespace != "" {
			what += " of namespace " + namespace
		}
		return nil, r.excuse(what, "they do not count; --template-dir names a folder with copies", err)
	}
	var all []templates.Entry
	for i := range items {
		o := &items[i]
		text, err := o.MarshalJSON()
		if err == nil {
			text, err = load.ResourceContent(text)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ResourceName(kind, o.GetNamespace(), o.GetName()), err)
		}
		loaded := loader.LoadResource(load.Resource{Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), Content: text})
		r.remember(o, &loaded)
		all = append(all, loaded)
	}
	return all, nil
}

// ResourceName returns kind/name or kind/namespace/name of a resource, for messages.
func ResourceName(kind, namespace, name string) string {
	if namespace == "" {
		return kind + "/" + name
	}
	return kind + "/" + namespace + "/" + name
}
