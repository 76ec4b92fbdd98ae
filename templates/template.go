package templates

import (
	"crypto/sha256"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Template is one template without faults: it passed all checks at load, a built-in one those of its tests. It is
// immutable and safe for concurrent use.
type Template struct {
	Name      string
	Kind      string // v1alpha1.ClusterSidecarTemplateKind or SidecarTemplateKind
	Namespace string // of a SidecarTemplate; else ""
	Origin    Origin

	// Revision is a short hash of what affects pods; descriptions, examples and layout are not part of it.
	Revision string

	// Spec as written. Read-only.
	Spec *v1alpha1.SidecarTemplateSpec

	// Overrides and FailurePolicy are Spec's with defaults applied.
	Overrides     []string
	FailurePolicy v1alpha1.FailurePolicy

	// PodSelector and NamespaceSelector are both nil if the template has no match, else both are set.
	PodSelector, NamespaceSelector labels.Selector

	// Canary is nil unless the template is a canary; then Name is the name of the template that it stands in
	// for.
	Canary *Canary

	// Containers says which containers of the app are targets.
	Containers Targets

	parameters     []*Parameter
	parameterNames []string
	defaults       Parameters // result of Bind if no parameter is set
	program        func() *program.Program
	identity       [sha256.Size]byte // hash of what a rendering depends on
	renderings     *Renderings
}

// New returns a template with the exported fields of t except Revision, which is computed, and its parameters.
// compile returns the program compiled from its spec, the same each time. renderings is the cache of results.
func New(t Template, parameters []*Parameter, compile func() *program.Program, renderings *Renderings) *Template {
	t.parameters, t.program, t.renderings = parameters, compile, renderings
	for _, p := range parameters {
		t.parameterNames = append(t.parameterNames, p.Name)
		if p.Index < len(t.Spec.Parameters) {
			p.illustrate(&t.Spec.Parameters[p.Index], t.Spec.Examples)
		}
	}
	t.defaults = defaultsOf(parameters)
	t.Revision, t.identity = revision(t.Spec, parameters), identity(t.Spec, parameters)
	return &t
}

// Program returns the compiled program; nil if t was not made by New. It must not be changed.
func (t *Template) Program() *program.Program {
	if t.program == nil {
		return nil
	}
	return t.program()
}

// Parameters returns the declared parameters, in the template's order. The slice must not be changed.
func (t *Template) Parameters() []*Parameter { return t.parameters }

// Targets selects the containers of the app that a template changes.
type Targets struct {
	// First and All are exclusive; if neither is set, Names is used.
	First, All bool
	Names      []string
	// Skip are the names that All excludes; a container of that name need not exist.
	Skip []string
	// InitContainers also selects the pod's own init containers, Sidecars its own native sidecars.
	InitContainers, Sidecars bool
}

// Origin says where a template came from.
type Origin struct {
	// Source is built-in, directory or cluster.
	Source string
	// File is the path within the source, or "" for a resource of the cluster.
	File string
	// Line is that of the document's first line in File, from 1; 0 if there is no file.
	Line int
}

// The sources of templates, in ascending order of precedence.
const (
	SourceBuiltIn   = "built-in"
	SourceDirectory = "directory"
	SourceCluster   = "cluster"
)
