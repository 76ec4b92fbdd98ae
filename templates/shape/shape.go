// Package shape defines what a template document may contain: the schemas against which it is checked, and
// the JSON Schema for editors.
package shape

import (
	"reflect"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Shapes are the schemas of a template document and of its parts. They must not be changed.
type Shapes struct {
	// Document is a template of either kind; spec.app and spec.pod in it may have any value.
	Document *schema.Schema
	// App and Pod have only the fields that a template may add.
	App, Pod *schema.Schema
	// Permissions is the list spec.permissions.
	Permissions *schema.Schema
	// Whole maps each restricted object in App and Pod to the complete Kubernetes type, to distinguish a
	// field that is not allowed from a misspelt one.
	Whole map[*schema.Schema]*schema.Schema
	// InitContainers and Containers are the two lists of pod.spec, distinguished by pointer.
	InitContainers, Containers *schema.Schema
	// AppVariables is the list app.env.
	AppVariables *schema.Schema
	// Volumes is the list pod.spec.volumes.
	Volumes *schema.Schema
	// Text and Boolean are the schemas of keys and positions, and of conditions.
	Text, Boolean *schema.Schema
}

// Template returns the schemas, which are made on first use.
func Template() *Shapes { return template() }

var template = sync.OnceValue(func() *Shapes {
	s := &Shapes{Whole: map[*schema.Schema]*schema.Schema{}}
	anything, text := schema.NewScalar(schema.Any), schema.NewScalar(schema.String)
	s.Text, s.Boolean = text, schema.NewScalar(schema.Boolean)

	spec := schema.Of(reflect.TypeFor[v1alpha1.SidecarTemplateSpec]())
	metadata := schema.Of(reflect.TypeFor[metav1.ObjectMeta]())
	s.Document = schema.NewObject("template",
		schema.Field{Name: "apiVersion", Schema: text},
		schema.Field{Name: "kind", Schema: text},
		schema.Field{Name: "metadata", Schema: metadata},
		schema.Field{Name: "spec", Schema: spec},
		// Written by the injector, perhaps by another version: not read.
		schema.Field{Name: "status", Schema: anything},
	)

	s.Permissions = schema.NewList(schema.Of(reflect.TypeFor[v1alpha1.Permission]()))
	pod := schema.Pod()
	podMeta, podSpec, container := member(pod, "metadata"), member(pod, "spec"), schema.Container()
	s.Volumes = member(podSpec, "volumes")
	security := member(podSpec, "securityContext")
	s.InitContainers = schema.NewList(container)
	s.Containers = schema.NewList(container)
	restricted := func(whole *schema.Schema, name string, replaced map[string]*schema.Schema, names ...string) *schema.Schema {
		fields := make([]schema.Field, 0, len(names))
		for _, n := range names {
			f := schema.Field{Name: n}
			if original, ok := whole.Field(n); ok {
				f = *original
			}
			if r := replaced[n]; r != nil {
				f.Schema = r
			}
			fields = append(fields, f)
		}
		part := schema.NewObject(name, fields...)
		s.Whole[part] = whole
		return part
	}
	s.Pod = restricted(pod, "partial pod", map[string]*schema.Schema{
		"metadata": restricted(podMeta, "partial metadata", nil, "labels", "annotations"),
		"spec": restricted(podSpec, "partial pod spec", map[string]*schema.Schema{
			"initContainers":  s.InitContainers,
			"containers":      s.Containers,
			"securityContext": restricted(security, "partial security context", nil, "supplementalGroups", "fsGroup"),
		}, "initContainers", "containers", "volumes", "imagePullSecrets", "hostAliases", "tolerations",
			"shareProcessNamespace", "dnsConfig", "terminationGracePeriodSeconds", "securityContext"),
	}, "metadata", "spec")
	s.AppVariables = schema.NewList(member(container, "env").Elem)
	s.App = restricted(container, "additions to the app", map[string]*schema.Schema{
		"containers":     anything,
		"initContainers": s.Boolean,
		"sidecars":       s.Boolean,
		"env":            s.AppVariables,
	}, "containers", "initContainers", "sidecars", "volumeMounts", "volumeDevices", "env", "envFrom",
		"livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
	return s
})

// member returns the schema of an object's field, which must exist.
func member(s *schema.Schema, name string) *schema.Schema {
	f, ok := s.Field(name)
	if !ok {
		return schema.NewScalar(schema.Any)
	}
	return f.Schema
}
