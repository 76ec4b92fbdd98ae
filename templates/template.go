package templates

import (
	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Template is one template that passed every check at load. It is immutable and
// may be rendered by many goroutines at once.
type Template struct {
	Name      string
	Kind      string // v1alpha1.ClusterSidecarTemplateKind or SidecarTemplateKind
	Namespace string // of a SidecarTemplate; else ""
	Origin    Origin

	// Revision is a short hash of what affects pods: not of descriptions, examples or layout.
	Revision string

	// Spec as written. Read-only.
	Spec *v1alpha1.SidecarTemplateSpec

	// Overrides, FailurePolicy are Spec's with the defaults filled in.
	Overrides     []string
	FailurePolicy v1alpha1.FailurePolicy

	// PodSelector and NamespaceSelector are nil in a template without match; both
	// are set in one with it.
	PodSelector, NamespaceSelector labels.Selector

	// Containers says which containers of the app are targets.
	Containers Targets

	parameters     []*parameter
	parameterNames []string
	defaults       Parameters // what Bind gives when nothing is set
	program        *program
	renderings     *renderings
}

// Targets is a template's choice among the app's own containers.
type Targets struct {
	// First and All are exclusive; when neither is set, Names counts.
	First, All bool
	Names      []string
	// Skip are the names of those that All leaves out, whether they are there or not.
	Skip []string
	// InitContainers makes the pod's own init containers targets too, Sidecars its own native ones.
	InitContainers, Sidecars bool
}

// Origin says where a template came from.
type Origin struct {
	// Source is built-in, directory or cluster.
	Source string
	// File is the path within the source, or "" for a resource of the cluster.
	File string
	// Line of the document's first line in File, from 1; 0 when there is no file.
	Line int
}

// The sources of templates, in the order in which names are looked up, last first.
const (
	SourceBuiltIn   = "built-in"
	SourceDirectory = "directory"
	SourceCluster   = "cluster"
)
