package templates

import (
	"errors"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Input is everything that one rendering may read. Render does not change it.
type Input struct {
	Parameters Parameters
	Instance   string
	Index      int
	// Native says that this instance is injected as native sidecars, not as regular
	// containers: the variable native in expressions.
	Native bool

	// App is the first target container; nil if there is none.
	App AppReader
	// Targets are all target containers; they are needed only if the template reads the variable target: see
	// Template.ReadsTarget.
	Targets []AppReader
	// Pod is the pod as received, with metadata.name and metadata.namespace always set; it is decoded when an
	// expression first reads more than its name or namespace.
	Pod PodReader
	// Namespace is the pod's namespace, metadata only.
	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
	// WorkloadKind and WorkloadName are those of the pod's outermost owner, such as a Deployment.
	WorkloadKind, WorkloadName string

	// Cover, if not nil, records the branches of the template that the rendering reaches.
	Cover *Cover
}

// AppReader is a target container as expressions read it.
type AppReader interface {
	expression.App
	// Raw returns the JSON of the value at a path, of the whole container for no fields; nil if there is no
	// value.
	Raw(fields []string) []byte
}

// PodReader is the pod as expressions read it.
type PodReader interface {
	expression.Pod
	// Raw returns the JSON, as received, of the value at a path; nil if there is no value.
	Raw(fields []string) []byte
}

// ReadsTarget reports whether the additions to a target container depend on the container, so that
// Input.Targets is needed.
func (t *Template) ReadsTarget() bool { return t.program != nil && t.Program().Reads.Target }

// ReadsWorkload reports whether the template reads the variable workload: see Input.WorkloadKind.
func (t *Template) ReadsWorkload() bool {
	return t.program != nil && t.Program().ReadsWorkload
}

// Planning returns what it takes to plan the template's expressions, in CEL's units of work.
func (t *Template) Planning() int {
	if t.program == nil {
		return 0
	}
	return t.Program().Planning
}

// Render evaluates the template for one instance, its validations first. The error is a *ValidationError if
// the pod does not meet them, else a *program.Error, which wraps the PodReader's error if reading the pod
// failed.
func (t *Template) Render(in *Input) (rendered *Rendered, err error) {
	defer t.containRender(&err)
	var key renderingKey
	reusable := in.Cover == nil && reusable(t.Program(), len(in.Targets))
	if reusable {
		key = t.key(in)
		if rendered := t.renderings.get(key); rendered != nil {
			return rendered, nil
		}
	}
	e := t.Program().Evaluation(in.Activation(), nil)
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
	rendered = &Rendered{Additions: added, Warnings: warnings, Cost: e.Cost(), native: in.Native}
	rendered.finish()
	rendered.Unmet = rendered.findUnmet()
	if reusable {
		t.renderings.put(key, rendered)
	}
	return rendered, nil
}

// located sets file and line of an expression that failed to those of the template's own file: the program
// may have been compiled for an equal template elsewhere.
func (t *Template) located(err error) error {
	if fault := (*program.Error)(nil); errors.As(err, &fault) {
		fault.File = t.Origin.File
		fault.Line += t.Origin.Line - t.Program().Line
	}
	return err
}

// Activation returns the input in the form that expressions read.
func (in *Input) Activation() expression.Activation {
	a := expression.Activation{
		Parameters:           in.Parameters.values,
		Instance:             in.Instance,
		Index:                in.Index,
		Native:               in.Native,
		App:                  in.App,
		Pod:                  in.Pod,
		NamespaceName:        in.NamespaceName,
		NamespaceLabels:      in.NamespaceLabels,
		NamespaceAnnotations: in.NamespaceAnnotations,
		Cluster:              in.Cluster,
		WorkloadKind:         in.WorkloadKind,
		WorkloadName:         in.WorkloadName,
	}
	for _, target := range in.Targets {
		a.Targets = append(a.Targets, target)
	}
	if len(a.Targets) > 0 {
		a.SetTarget(a.Targets[0])
	}
	return a
}
