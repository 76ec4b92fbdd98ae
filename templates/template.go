package templates

import (
	"crypto/sha256"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/sidecar-injector/sidecar-injector/templates/program"
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

	// Canary is nil in a template that is everybody's. Else Name is that of the template whose
	// place it takes.
	Canary *Canary

	// Containers says which containers of the app are targets.
	Containers Targets

	parameters     []*Parameter
	parameterNames []string
	defaults       Parameters // what Bind gives when nothing is set
	program        *program.Program
	identity       [sha256.Size]byte // of what a rendering is made of
	renderings     *Renderings
}

// New makes a template of its exported fields without Revision, of its parameters and of the
// program that its spec was compiled into. Renderings are where results are kept for reuse.
func New(t Template, parameters []*Parameter, compiled *program.Program, renderings *Renderings) *Template {
	t.parameters, t.program, t.renderings = parameters, compiled, renderings
	for _, p := range parameters {
		t.parameterNames = append(t.parameterNames, p.Name)
	}
	t.defaults = defaultsOf(parameters)
	t.Revision, t.identity = revision(t.Spec, parameters), identity(t.Spec, parameters)
	return &t
}

// Program is what the template was compiled into. Read-only.
func (t *Template) Program() *program.Program { return t.program }

// Parameters are those that the template declares, in its order. Read-only.
func (t *Template) Parameters() []*Parameter { return t.parameters }

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
