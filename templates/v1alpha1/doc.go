// Package v1alpha1 holds the API types of sidecar-injector.dev/v1alpha1, by which a user describes a sidecar.
//
// The schema in the cluster (the CRDs of the chart, which controller-gen makes from these types) has only the
// meaning and the type of each field. Missing and unknown fields, duplicates, enums and patterns are checked
// by the loader of package templates, which reports all faults at once and suggests similar names. With a
// stricter schema the API server would report only the first faults, and silently drop unknown fields.
//
// +kubebuilder:object:generate=true
// +groupName=sidecar-injector.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Domain is the API group, and the prefix of every label and annotation of the injector.
const Domain = "sidecar-injector.dev"

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: Domain, Version: "v1alpha1"}

// The kinds of this package.
const (
	ClusterSidecarTemplateKind = "ClusterSidecarTemplate"
	SidecarTemplateKind        = "SidecarTemplate"
)

// The names of the kinds in the API's paths.
const (
	ClusterSidecarTemplates = "clustersidecartemplates"
	SidecarTemplates        = "sidecartemplates"
)

// ReadyCondition is the type of the condition that says whether the newest version of a template is in use.
const ReadyCondition = "Ready"

// AddToScheme registers the types with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ClusterSidecarTemplate{}, &ClusterSidecarTemplateList{},
		&SidecarTemplate{}, &SidecarTemplateList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
