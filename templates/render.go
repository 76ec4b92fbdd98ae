package templates

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Input is everything that one rendering may read. Nothing in it is changed.
type Input struct {
	Parameters Parameters
	Instance   string
	Index      int
	// Native says that this instance is injected as native sidecars, not as regular
	// containers: the variable native in expressions.
	Native bool

	// App is the first target container; nil where the template has no target.
	App AppReader
	// Targets are all of them, where the template reads the variable target: see Template.ReadsTarget.
	Targets []AppReader
	// Pod is the pod as received with metadata.name and metadata.namespace always
	// set; it is decoded when an expression first reads more than its name or namespace.
	Pod PodReader
	// Namespace is the pod's namespace, metadata only.
	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
	// WorkloadKind and WorkloadName are what a person wrote.
	WorkloadKind, WorkloadName string

	// Cover, where it is not nil, notes what the rendering reaches of the template.
	Cover *Cover
}

// AppReader gives the first target container to expressions.
type AppReader interface {
	Name() string
	// Object is the container as decoded JSON (int64 for integers). The result is read-only and the same at each call.
	Object() (map[string]any, error)
	// Raw is the JSON of what stands at a path, all of it for no fields; nil if there is nothing.
	Raw(fields []string) []byte
}

// PodReader gives the pod to expressions.
type PodReader interface {
	Name() string      // "" for a pod that has only generateName
	Namespace() string // never ""
	// Object is the whole pod as decoded JSON (int64 for integers). The result is read-only and the same at each call.
	Object() (map[string]any, error)
	// Raw is the JSON, as received, of what stands at a path; nil if there is nothing.
	Raw(fields []string) []byte
}

// ReadsTarget says that what a target container gets depends on which it is.
func (t *Template) ReadsTarget() bool { return t.program != nil && t.program.Reads.Target }

// ReadsWorkload says that it reads what a person wrote: see Input.WorkloadKind.
func (t *Template) ReadsWorkload() bool {
	return t.program != nil && t.program.ReadsWorkload
}

// Render evaluates the template for one instance, its validations first. The error is a
// *ValidationError where the pod does not have what they demand, else a *program.Error; where
// reading the pod failed, that wraps the PodReader's error.
func (t *Template) Render(in *Input) (rendered *Rendered, err error) {
	defer t.containRender(&err)
	var key renderingKey
	reusable := in.Cover == nil && reusable(t.program, len(in.Targets))
	if reusable {
		key = t.key(in)
		if rendered := t.renderings.get(key); rendered != nil {
			return rendered, nil
		}
	}
	e := t.program.Evaluation(in.Activation(), nil)
	e.Observe(in.Cover.of(t))
	unmet, err := e.Validations()
	if err != nil {
		return nil, t.located(err)
	}
	refused, warnings := sortUnmet(unmet)
	if len(refused) > 0 {
		return nil, &ValidationError{Failures: refused, Cost: e.Cost()}
	}
	added, err := e.Additions()
	if err != nil {
		return nil, t.located(err)
	}
	rendered = newRendered(added, in.Native, e.Cost())
	rendered.Warnings = warnings
	if reusable {
		t.renderings.put(key, rendered)
	}
	return rendered, nil
}

// located says where in the template's own file an expression failed: the program may have been
// compiled for an equal template elsewhere.
func (t *Template) located(err error) error {
	if fault := (*program.Error)(nil); errors.As(err, &fault) {
		fault.File = t.Origin.File
		fault.Line += t.Origin.Line - t.program.Line
	}
	return err
}

// Activation is the input as expressions read it.
func (in *Input) Activation() expression.Activation {
	a := expression.Activation{
		Parameters:           in.Parameters.values,
		Instance:             in.Instance,
		Index:                in.Index,
		Native:               in.Native,
		NamespaceName:        in.NamespaceName,
		NamespaceLabels:      in.NamespaceLabels,
		NamespaceAnnotations: in.NamespaceAnnotations,
		Cluster:              in.Cluster,
		WorkloadKind:         in.WorkloadKind,
		WorkloadName:         in.WorkloadName,
	}
	if in.App != nil { // else a nil AppReader would be an App
		a.App = in.App
	}
	if in.Pod != nil {
		a.Pod = in.Pod
	}
	for _, target := range in.Targets {
		a.Targets = append(a.Targets, target)
	}
	if len(a.Targets) > 0 {
		a.SetTarget(a.Targets[0])
	}
	return a
}
