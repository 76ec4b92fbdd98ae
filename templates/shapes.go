package templates

import (
	"reflect"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// shapes are the schemas that a template document is checked against.
type shapes struct {
	// document is a template of either kind; spec.app and spec.pod in it take anything.
	document *schema.Schema
	// app and pod hold only what a template may add.
	app, pod *schema.Schema
	// permissions is the list of what the pod's service account needs.
	permissions *schema.Schema
	// whole maps each restricted object in app and pod to the Kubernetes type that
	// it is a part of, so that a field that exists there is told apart from a misspelt one.
	whole map[*schema.Schema]*schema.Schema
	// initContainers and containers are the two lists of pod.spec, told apart by pointer.
	initContainers, containers *schema.Schema
	// text and boolean are what keys, positions and conditions must be.
	text, boolean *schema.Schema
}

// shape walks the types once; the result is never changed.
var shape = sync.OnceValue(func() *shapes {
	s := &shapes{whole: map[*schema.Schema]*schema.Schema{}}
	anything, text := schema.NewScalar(schema.Any), schema.NewScalar(schema.String)
	s.text, s.boolean = text, schema.NewScalar(schema.Boolean)

	spec := schema.Of(reflect.TypeFor[v1alpha1.SidecarTemplateSpec]())
	metadata := schema.Of(reflect.TypeFor[metav1.ObjectMeta]())
	s.document = schema.NewObject("template",
		schema.Field{Name: "apiVersion", Schema: text},
		schema.Field{Name: "kind", Schema: text},
		schema.Field{Name: "metadata", Schema: metadata},
		schema.Field{Name: "spec", Schema: spec},
		// Written by the injector, perhaps by another version of it: not read.
		schema.Field{Name: "status", Schema: anything},
	)

	s.permissions = schema.NewList(schema.Of(reflect.TypeFor[v1alpha1.Permission]()))
	pod := schema.Pod()
	podMeta, podSpec, container := member(pod, "metadata"), member(pod, "spec"), schema.Container()
	security := member(podSpec, "securityContext")
	s.initContainers = schema.NewList(container)
	s.containers = schema.NewList(container)
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
		s.whole[part] = whole
		return part
	}
	s.pod = restricted(pod, "partial pod", map[string]*schema.Schema{
		"metadata": restricted(podMeta, "partial metadata", nil, "labels", "annotations"),
		"spec": restricted(podSpec, "partial pod spec", map[string]*schema.Schema{
			"initContainers":  s.initContainers,
			"containers":      s.containers,
			"securityContext": restricted(security, "partial security context", nil, "supplementalGroups", "fsGroup"),
		}, "initContainers", "containers", "volumes", "imagePullSecrets", "hostAliases", "tolerations",
			"shareProcessNamespace", "dnsConfig", "terminationGracePeriodSeconds", "securityContext"),
	}, "metadata", "spec")
	s.app = restricted(container, "additions to the app", map[string]*schema.Schema{
		"containers":     anything,
		"initContainers": schema.NewScalar(schema.Boolean),
	}, "containers", "initContainers", "volumeMounts", "volumeDevices", "env", "envFrom",
		"livenessProbe", "readinessProbe", "startupProbe", "lifecycle")
	return s
})

// member is the schema of an object's field, which must be there.
func member(s *schema.Schema, name string) *schema.Schema {
	f, ok := s.Field(name)
	if !ok {
		return schema.NewScalar(schema.Any)
	}
	return f.Schema
}
