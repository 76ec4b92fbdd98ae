package live

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/metadata/fake"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

func object(apiVersion, kind, namespace, name string) *metav1.PartialObjectMetadata {
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: apiVersion, Kind: kind},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "1", ResourceVersion: "1"},
	}
}

// readerOf returns a reader of a cluster with objects.
func readerOf(t *testing.T, objects ...*metav1.PartialObjectMetadata) *Reader {
	t.Helper()
	scheme := fake.NewTestScheme()
	if err := metav1.AddMetaToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	var all []runtime.Object
	for _, o := range objects {
		all = append(all, o)
	}
	return &Reader{metadata: fake.NewSimpleMetadataClient(scheme, all...)}
}

// TestWhatDecidesHasChangedIfItsContentHas: the injector writes the status of template resources all the
// time, and that is no change.
func TestWhatDecidesHasChangedIfItsContentHas(t *testing.T) {
	resource := func() *metav1.PartialObjectMetadata {
		o := object(v1alpha1.GroupVersion.String(), v1alpha1.ClusterSidecarTemplateKind, "", "side")
		o.Generation = 1
		return o
	}
	settings := func() *metav1.PartialObjectMetadata { return object("v1", "ConfigMap", "injector", "injector") }
	was := resource()
	for name, test := range map[string]struct {
		now  func(resource, settings *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata
		want bool
	}{
		"nothing": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			return []*metav1.PartialObjectMetadata{r, s}
		}, false},
		"a status": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			r.ResourceVersion = "2"
			return []*metav1.PartialObjectMetadata{r, s}
		}, false},
		"a template": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			r.Generation = 2
			return []*metav1.PartialObjectMetadata{r, s}
		}, true},
		"a template anew": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			r.UID = "2"
			return []*metav1.PartialObjectMetadata{r, s}
		}, true},
		"another template": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			other := resource()
			other.Name = "other"
			return []*metav1.PartialObjectMetadata{r, other, s}
		}, true},
		"no template": {func(_, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			return []*metav1.PartialObjectMetadata{s}
		}, true},
		"settings": {func(r, s *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			s.ResourceVersion = "2"
			return []*metav1.PartialObjectMetadata{r, s}
		}, true},
		"no settings": {func(r, _ *metav1.PartialObjectMetadata) []*metav1.PartialObjectMetadata {
			return []*metav1.PartialObjectMetadata{r}
		}, true},
	} {
		r := readerOf(t, test.now(resource(), settings())...)
		r.saw(source{kind: v1alpha1.ClusterSidecarTemplateKind}, versionsOf([]metav1.PartialObjectMetadata{*was}))
		r.saw(source{"ConfigMap", "injector", "injector"}, versionOf(settings()))
		r.saw(source{"ConfigMap", "injector", "injector-templates"}, "")
		if got, err := r.Changed(t.Context()); err != nil || got != test.want {
			t.Errorf("%s: changed %v, %v; want %v", name, got, err, test.want)
		}
	}
}

func TestANamespaceHasChangedIfWhatTheInjectorReadsHas(t *testing.T) {
	n := object("v1", "Namespace", "", "shop")
	n.Labels, n.Annotations = map[string]string{"stage": "early"}, map[string]string{"log-collector.sidecar-injector.dev/level": "info", "other.example/seen": "now"}
	r := readerOf(t, n)
	for _, test := range []struct {
		labels, annotations map[string]string
		want                bool
	}{
		{n.Labels, n.Annotations, false},
		{n.Labels, map[string]string{"log-collector.sidecar-injector.dev/level": "info", "other.example/seen": "then"}, false},
		{n.Labels, map[string]string{"log-collector.sidecar-injector.dev/level": "debug"}, true},
		{n.Labels, nil, true},
		{map[string]string{"stage": "late"}, n.Annotations, true},
		{nil, n.Annotations, true},
	} {
		got, err := r.NamespaceChanged(t.Context(), inject.Namespace{Name: "shop", Labels: test.labels, Annotations: test.annotations})
		if err != nil || got != test.want {
			t.Errorf("%v %v: changed %v, %v; want %v", test.labels, test.annotations, got, err, test.want)
		}
	}
	if got, err := r.NamespaceChanged(t.Context(), inject.Namespace{Name: "gone"}); err != nil || got {
		t.Errorf("a namespace that has gone: changed %v, %v", got, err)
	}
}
