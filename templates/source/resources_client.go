package source

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/sidecar-injector/sidecar-injector/templates/load"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// resource is a template as sent by the API server. The author's content is kept as bytes: a typed object
// would lose unknown fields, which the loader has to report, and one template with a field of the wrong type
// would make decoding of a whole list fail.
type resource struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	status v1alpha1.SidecarTemplateStatus

	// content is load.ResourceContent, nil once it has been compiled.
	content []byte
	// record is the compiled resource, nil before.
	record *record
}

// UnmarshalJSON keeps the author's content as bytes, and the metadata that is used.
func (r *resource) UnmarshalJSON(data []byte) error {
	var head struct {
		metav1.TypeMeta
		Metadata struct {
			Name            string
			Namespace       string
			UID             types.UID
			ResourceVersion string
			Generation      int64
			// Annotations mark the bookmark that ends the first list of a watch.
			Annotations map[string]string
		}
		Status json.RawMessage
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	*r = resource{TypeMeta: head.TypeMeta}
	m := &head.Metadata
	r.Name, r.Namespace, r.UID, r.ResourceVersion, r.Generation, r.Annotations = m.Name, m.Namespace, m.UID, m.ResourceVersion, m.Generation, m.Annotations
	// A status in another form, written by another program, is replaced.
	if json.Unmarshal(head.Status, &r.status) != nil {
		r.status = v1alpha1.SidecarTemplateStatus{}
	}
	var err error
	r.content, err = load.ResourceContent(data)
	return err
}

// DeepCopyObject implements runtime.Object. The record is shared, because it never changes.
func (r *resource) DeepCopyObject() runtime.Object {
	out := *r
	r.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	r.status.DeepCopyInto(&out.status)
	out.content = slices.Clone(r.content)
	return &out
}

// resourceList is a list of either kind.
type resourceList struct {
	metav1.TypeMeta
	metav1.ListMeta `json:"metadata"`
	Items           []resource `json:"items"`
}

// DeepCopyObject implements runtime.Object.
func (l *resourceList) DeepCopyObject() runtime.Object {
	out := *l
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	out.Items = make([]resource, len(l.Items))
	for i := range l.Items {
		out.Items[i] = *l.Items[i].DeepCopyObject().(*resource)
	}
	return &out
}

// newClient returns a client for templates of both kinds.
func newClient(config *rest.Config) (rest.Interface, error) {
	scheme := runtime.NewScheme()
	for _, kind := range []string{v1alpha1.ClusterSidecarTemplateKind, v1alpha1.SidecarTemplateKind} {
		scheme.AddKnownTypeWithName(v1alpha1.GroupVersion.WithKind(kind), &resource{})
		scheme.AddKnownTypeWithName(v1alpha1.GroupVersion.WithKind(kind+"List"), &resourceList{})
	}
	metav1.AddToGroupVersion(scheme, v1alpha1.GroupVersion)
	config = rest.CopyConfig(config)
	config.GroupVersion = &v1alpha1.GroupVersion
	config.APIPath = "/apis"
	config.ContentType = runtime.ContentTypeJSON
	config.AcceptContentTypes = runtime.ContentTypeJSON
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("custom resources: %w", err)
	}
	return client, nil
}

// served reports whether the API server serves the resource now.
func served(ctx context.Context, client rest.Interface, name string) (bool, error) {
	raw, err := client.Get().AbsPath("/apis", v1alpha1.GroupVersion.Group, v1alpha1.GroupVersion.Version).Do(ctx).Raw()
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(raw, &list); err != nil {
		return false, err
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == name }), nil
}
