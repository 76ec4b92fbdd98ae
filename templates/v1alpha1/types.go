package v1alpha1

import (
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClusterSidecarTemplate describes a sidecar that pods of every namespace may ask for.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Cluster,shortName=csct
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name=Parameters,type=string,JSONPath=.status.parameters,description="the required parameters, and how many others there are"
// +kubebuilder:printcolumn:name=Revision,type=string,JSONPath=.status.revision,description="the revision in force"
// +kubebuilder:printcolumn:name=Ready,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="whether the newest version is in force"
// +kubebuilder:printcolumn:name="Canary of",type=string,JSONPath=.spec.canary.of,priority=1,description="the template whose place it takes for some pods"
// +kubebuilder:printcolumn:name=Reason,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=.metadata.creationTimestamp
// +kubebuilder:pruning:PreserveUnknownFields
type ClusterSidecarTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +nullable
	Spec SidecarTemplateSpec `json:"spec"`
	// +optional
	Status SidecarTemplateStatus `json:"status,omitempty"`
}

// ClusterSidecarTemplateList is a list of them.
//
// +kubebuilder:object:root=true
type ClusterSidecarTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ClusterSidecarTemplate `json:"items"`
}

// SidecarTemplate describes a sidecar that pods of its own namespace may ask for.
// It hides a ClusterSidecarTemplate of the same name there.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:scope=Namespaced,shortName=sct
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name=Parameters,type=string,JSONPath=.status.parameters,description="the required parameters, and how many others there are"
// +kubebuilder:printcolumn:name=Revision,type=string,JSONPath=.status.revision,description="the revision in force"
// +kubebuilder:printcolumn:name=Ready,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`,description="whether the newest version is in force"
// +kubebuilder:printcolumn:name="Canary of",type=string,JSONPath=.spec.canary.of,priority=1,description="the template whose place it takes for some pods"
// +kubebuilder:printcolumn:name=Reason,type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name=Age,type=date,JSONPath=.metadata.creationTimestamp
// +kubebuilder:pruning:PreserveUnknownFields
type SidecarTemplate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +optional
	// +nullable
	Spec SidecarTemplateSpec `json:"spec"`
	// +optional
	Status SidecarTemplateStatus `json:"status,omitempty"`
}

// SidecarTemplateList is a list of them.
//
// +kubebuilder:object:root=true
type SidecarTemplateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []SidecarTemplate `json:"items"`
}

// SidecarTemplateSpec says what a sidecar is and what pods may set of it.
//
// +kubebuilder:pruning:PreserveUnknownFields
type SidecarTemplateSpec struct {
	// Description says in a sentence what the sidecar does.
	// +optional
	// +nullable
	Description string `json:"description,omitempty"`

	// Parameters that pods set by annotation, in the order in which they are shown.
	// +optional
	// +listType=atomic
	// +nullable
	Parameters []Parameter `json:"parameters,omitempty"`

	// Variables name expressions, for what the template says several times.
	// +optional
	// +listType=atomic
	// +nullable
	Variables []Variable `json:"variables,omitempty"`

	// Validations are what the template demands of the pod.
	// +optional
	// +listType=atomic
	// +nullable
	Validations []Validation `json:"validations,omitempty"`

	// App is what the app's own containers get: see AppAdditions. It has no
	// structural schema, because a string in ${} may stand where a number belongs.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	App *apiextensionsv1.JSON `json:"app,omitempty"`

	// Pod is a partial pod: what is added to the pod. Schemaless for the same reason.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Pod *apiextensionsv1.JSON `json:"pod,omitempty"`

	// Permissions are the rights that the pod's service account needs for the sidecar to
	// work: a list of Permission. Nobody grants them; who lacks them is told. Schemaless for the same reason.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Permissions *apiextensionsv1.JSON `json:"permissions,omitempty"`

	// Overrides are the container fields that a pod's override annotation may set.
	// Absent: resources. An empty list: none.
	// +optional
	// +listType=atomic
	// +nullable
	Overrides []string `json:"overrides,omitempty"`

	// FailurePolicy decides whether a pod whose sidecar cannot be injected is
	// refused (Fail) or admitted without it (Ignore). Default: Fail, and Ignore
	// for a template with match.
	// +optional
	// +nullable
	FailurePolicy FailurePolicy `json:"failurePolicy,omitempty"`

	// Order sorts the sidecars of one pod, lower first; equal orders stay as requested.
	// +optional
	// +nullable
	Order int32 `json:"order,omitempty"`

	// Supports lists the unusual pods that the sidecar works in.
	// +optional
	// +listType=atomic
	// +nullable
	Supports []Support `json:"supports,omitempty"`

	// Completes says that the sidecar ends by itself once its work is done, so
	// that it may be a regular container of a Job.
	// +optional
	// +nullable
	Completes bool `json:"completes,omitempty"`

	// KeepOnDrain says that the template's emptyDirs hold data worth keeping: they
	// are not named in the annotation that lets the cluster autoscaler evict the pod.
	// +optional
	// +nullable
	KeepOnDrain bool `json:"keepOnDrain,omitempty"`

	// Match injects the sidecar without being asked, into the pods that it selects.
	// +optional
	// +nullable
	Match *Match `json:"match,omitempty"`

	// Canary makes the template one that is tried in the place of another, for some of the pods.
	// +optional
	// +nullable
	Canary *Canary `json:"canary,omitempty"`

	// Examples are sets of parameters that the template is rendered with when it is loaded.
	// +optional
	// +listType=atomic
	// +nullable
	Examples []Example `json:"examples,omitempty"`
}

// FailurePolicy is what becomes of a pod whose sidecar cannot be injected.
type FailurePolicy string

// The failure policies.
const (
	Fail   FailurePolicy = "Fail"
	Ignore FailurePolicy = "Ignore"
)

// Support names an unusual kind of pod.
type Support string

// The kinds of pod that a template must name to be injected into.
const (
	SupportWindows     Support = "windows"
	SupportHostNetwork Support = "hostNetwork"
)

// ParameterType is the type of a parameter's value.
type ParameterType string

// The parameter types. In expressions integer and port are int, number is
// double, boolean is bool, list<string> is list(string), map<string> is map(string, string),
// all others are strings that have been checked.
const (
	TypeString     ParameterType = "string"
	TypeInteger    ParameterType = "integer"
	TypeNumber     ParameterType = "number"
	TypeBoolean    ParameterType = "boolean"
	TypeQuantity   ParameterType = "quantity"
	TypeDuration   ParameterType = "duration"
	TypePath       ParameterType = "path"
	TypeURL        ParameterType = "url"
	TypeName       ParameterType = "name"
	TypePort       ParameterType = "port"
	TypeStringList ParameterType = "list<string>"
	TypeStringMap  ParameterType = "map<string>"
)

// Parameter is one typed value that a pod may set.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Parameter struct {
	// Name is used in the annotation <instance>.sidecar-injector.dev/<name> and as params.<name>.
	// +optional
	// +nullable
	Name string `json:"name"`

	// Type of the value: string, integer, number, boolean, quantity, duration, path, url,
	// name, port, list<string> or map<string>.
	// +optional
	// +nullable
	Type ParameterType `json:"type"`

	// Description says what the value means, with its unit.
	// +optional
	// +nullable
	Description string `json:"description,omitempty"`

	// Required means that a pod without the value is refused.
	// +optional
	// +nullable
	Required bool `json:"required,omitempty"`

	// Default is the value where nobody gives one; of the parameter's type, or ""
	// for "not given". Without a default an absent string is "", an absent list
	// empty, and an absent number or boolean 0 or false.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Default *apiextensionsv1.JSON `json:"default,omitempty"`

	// Enum lists the only values allowed, written as in the annotation.
	// +optional
	// +listType=atomic
	// +nullable
	Enum []string `json:"enum,omitempty"`

	// Pattern is a regular expression (RE2) that the whole value must match.
	// +optional
	// +nullable
	Pattern string `json:"pattern,omitempty"`

	// Minimum of an integer, number, port, quantity or duration, written as in the annotation.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Minimum *apiextensionsv1.JSON `json:"minimum,omitempty"`

	// Maximum of an integer, number, port, quantity or duration, written as in the annotation.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Maximum *apiextensionsv1.JSON `json:"maximum,omitempty"`

	// MaxLength of the value in characters.
	// +optional
	// +nullable
	MaxLength *int32 `json:"maxLength,omitempty"`
}

// Match selects the pods that get the sidecar without asking. Absent selectors
// select everything, but at least one must be given; podSelector: {} means every pod.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Match struct {
	// PodSelector selects pods by their labels, with matchLabels and matchExpressions.
	// +optional
	// +nullable
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	PodSelector *metav1.LabelSelector `json:"podSelector,omitempty"`
	// NamespaceSelector selects by the labels of the pod's namespace, written likewise.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	NamespaceSelector *metav1.LabelSelector `json:"namespaceSelector,omitempty"`
}

// Example is one set of parameters.
//
// +kubebuilder:pruning:PreserveUnknownFields
type Example struct {
	// Name of the example, for messages.
	// +optional
	// +nullable
	Name string `json:"name"`
	// Parameters by name, of the parameter's type.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Schemaless
	Parameters map[string]apiextensionsv1.JSON `json:"parameters,omitempty"`
}

// SidecarTemplateStatus is written by the injector.
type SidecarTemplateStatus struct {
	// ObservedGeneration is the generation that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Revision is the hash of what affects pods, of the version in force.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Parameters names those that a pod has to set, and counts the others; of the version in force.
	// +optional
	Parameters string `json:"parameters,omitempty"`
	// Conditions: Ready says whether the newest version is in force, and if not, each fault
	// and its place.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// AppAdditions is the shape of spec.app once its expressions are evaluated.
// Containers is a string (first, all, or all and what it leaves out: "all, -nginx") or a list of names.
//
// +kubebuilder:object:generate=false
type AppAdditions struct {
	Containers any `json:"containers,omitempty"`
	// InitContainers makes the pod's own init containers targets too, Sidecars its native sidecars.
	InitContainers bool `json:"initContainers,omitempty"`
	Sidecars       bool `json:"sidecars,omitempty"`
}

// Permission is the shape of an item of spec.permissions once its expressions are
// evaluated: a rule as in a Role.
//
// +kubebuilder:object:generate=false
type Permission struct {
	// APIGroups of the resources; "" is the core group.
	APIGroups []string `json:"apiGroups,omitempty"`
	// Resources, in the plural as in a Role.
	Resources []string `json:"resources,omitempty"`
	// ResourceNames are those that are enough; absent: all of them.
	ResourceNames []string `json:"resourceNames,omitempty"`
	// Verbs such as get, list and watch.
	Verbs []string `json:"verbs,omitempty"`
	// Namespaces in which the rights are needed, * for all of them; absent: the pod's own.
	Namespaces []string `json:"namespaces,omitempty"`
}

// EveryNamespace stands for all namespaces in Permission.Namespaces.
const EveryNamespace = "*"

// Qualified are the resources with their groups, as kubectl names them: deployments.apps.
func (p Permission) Qualified() []string {
	var resources []string
	for _, group := range p.APIGroups {
		for _, resource := range p.Resources {
			if group != "" {
				resource += "." + group
			}
			resources = append(resources, resource)
		}
	}
	return resources
}

// String is the permission in words: get, list, watch configmaps in namespace a.
func (p Permission) String() string {
	text := strings.Join(p.Verbs, ", ") + " " + strings.Join(p.Qualified(), ", ")
	if len(p.ResourceNames) > 0 {
		text += " named " + strings.Join(p.ResourceNames, ", ")
	}
	switch {
	case slices.Contains(p.Namespaces, EveryNamespace):
		text += " in all namespaces"
	case len(p.Namespaces) > 0:
		text += " in namespace " + strings.Join(p.Namespaces, ", ")
	}
	return text
}
