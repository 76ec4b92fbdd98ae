package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Canary names a template, and the pods for which this one, whole, takes its place, under its
// name. Exactly one of NamespaceSelector and Percent is given.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Canary struct {
	// Of is the name of the template whose place is taken.
	// +optional
	// +nullable
	Of string `json:"of"`
	// NamespaceSelector selects the pods by the labels of their namespace, with matchLabels and
	// matchExpressions.
	// +optional
	// +nullable
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
	// Percent of the workloads, from 0 to 100. All pods of one workload agree, and those of a
	// smaller share are among those of a larger one.
	// +optional
	// +nullable
	Percent *int32 `json:"percent,omitempty"`
}
