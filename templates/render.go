package templates

import (
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
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
	// Pod is the pod as received with metadata.name and metadata.namespace always
	// set; it is decoded when an expression first reads more than its name or namespace.
	Pod PodReader
	// Namespace is the pod's namespace, metadata only.
	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
	// WorkloadKind and WorkloadName are what a person wrote.
	WorkloadKind, WorkloadName string
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

// RenderError is an expression that failed or a result that does not fit: the template's fault.
type RenderError struct {
	// Path is the field in the template, such as spec.pod.spec.containers[0].image.
	Path string
	// File, Line and Column of the expression, counted from 1; 0 when unknown.
	File         string
	Line, Column int
	Message      string
	// Parameters, sorted, are those that the expression reads, if their values alone can
	// be what is wrong: not where it reads something else that may be absent.
	Parameters []string
	// Cost is what the expressions took up to this one, in CEL's units of work.
	Cost uint64
	// Err is the cause: an *expression.Error, a *schema.Fault, or the PodReader's own; nil
	// for an internal error.
	Err error
	// Stack is that of a panic, for the log alone: no person is shown it. "" if there was none.
	Stack string
}

// Unwrap gives the cause.
func (e *RenderError) Unwrap() error { return e.Err }

// Error is file:line:column: path: message.
func (e *RenderError) Error() string {
	if e.File == "" {
		return e.Path + ": " + e.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", e.File, e.Line, e.Column, e.Path, e.Message)
}

// Render evaluates the template for one instance. The error is always a
// *RenderError; where reading the pod failed, it wraps the PodReader's error.
func (t *Template) Render(in *Input) (rendered *Rendered, err error) {
	defer t.containRender(&err)
	var key renderingKey
	if t.program.reusable() {
		key = t.program.key(in)
		if rendered := t.renderings.get(key); rendered != nil {
			return rendered, nil
		}
	}
	r := rendering{program: t.program, origin: t.Origin, activation: activate(in)}
	rendered, err = r.run()
	if err != nil {
		return nil, err
	}
	if t.program.reusable() {
		t.renderings.put(key, rendered)
	}
	return rendered, nil
}

func activate(in *Input) expression.Activation {
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
	if in.App != nil {
		a.App = in.App
	}
	if in.Pod != nil {
		a.Pod = in.Pod
	}
	return a
}

// run evaluates both trees.
func (r *rendering) run() (*Rendered, error) {
	var err error
	if r.out.Pod, err = r.tree(r.program.pod); err != nil {
		return nil, err
	}
	if r.out.App, err = r.tree(r.program.app); err != nil {
		return nil, err
	}
	// A copy: a pointer into r would keep the pod alive as long as the result.
	out := r.out
	out.native, out.Cost = r.activation.Native, r.budget.Spent()
	out.finish()
	return &out, nil
}

func (r *rendering) tree(n *node) (Object, error) {
	if n == nil {
		return nil, nil
	}
	if r.trace != nil {
		r.trace.at = n.place.at
	}
	value, _, err := r.evaluate(n)
	object, _ := value.(Object)
	return object, err
}
