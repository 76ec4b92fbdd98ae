// Package v1alpha1 holds the API types of sidecar-injector.dev/v1alpha1: what a
// person writes to describe a sidecar.
//
// The schema that a cluster gets of them (the CRDs of the chart, which controller-gen
// makes of these types) says what a field means and what kind of value it takes, and
// no more. Missing and unknown fields, duplicates, enums and patterns are left to the
// loader of package templates, which tells of all of them at once, with the nearest
// name: a stricter schema would have the API server refuse the first fault before
// anybody looks at the others, and drop an unknown field without a word.
//
// +kubebuilder:object:generate=true
// +groupName=sidecar-injector.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Domain is the API group, and the prefix of every label and annotation of ours.
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

// ReadyCondition is the type of the condition that says whether the newest version of
// a template is in force.
const ReadyCondition = "Ready"

// AddToScheme makes the types known to a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&ClusterSidecarTemplate{}, &ClusterSidecarTemplateList{},
		&SidecarTemplate{}, &SidecarTemplateList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
