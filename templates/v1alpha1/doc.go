// Package v1alpha1 holds the API types of sidecar-injector.dev/v1alpha1: what a
// person writes to describe a sidecar.
//
// +kubebuilder:object:generate=true
// +groupName=sidecar-injector.dev
package v1alpha1

import "k8s.io/apimachinery/pkg/runtime/schema"

// GroupVersion is the API group and version of the types in this package.
var GroupVersion = schema.GroupVersion{Group: "sidecar-injector.dev", Version: "v1alpha1"}

// The kinds of this package.
const (
	ClusterSidecarTemplateKind = "ClusterSidecarTemplate"
	SidecarTemplateKind        = "SidecarTemplate"
)
