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

	// App is the first target container as decoded JSON; nil where the template has no target.
	App map[string]any
	// Pod is the pod as received with metadata.name and metadata.namespace always
	// set; it is decoded when an expression first reads more than its name or namespace.
	Pod PodReader
	// Namespace is the pod's namespace, metadata only.
	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
}

// PodReader gives the pod to expressions.
type PodReader interface {
	Name() string      // "" for a pod that has only generateName
	Namespace() string // never ""
	// Object is the whole pod as decoded JSON (int64 for integers). The result is read-only and the same at each call.
	Object() (map[string]any, error)
}

// Rendered is what one instance of a template adds, before it is merged into a
// pod: the two partial objects of the template with expressions evaluated, $when
// and $position taken out, in the template's key order, strictly checked as core/v1.
type Rendered struct {
	// Pod is the partial pod ({metadata, spec}); App the additions to the target
	// containers (volumeMounts, volumeDevices, env, envFrom, probes, lifecycle), without containers and
	// initContainers. Both may be nil. Read-only: it may be shared between requests.
	Pod, App Object
	// InitContainers and Containers describe the containers of Pod, by index.
	InitContainers, Containers []Placement
}

// Placement is what the template says about a container beside its fields.
type Placement struct {
	// Name is the container's name as written in the template, expressions and all.
	Name string
	// Position lists where it wants to stand: first, last, before:NAME, after:NAME; the
	// first that can be had counts. Empty: the default place.
	Position []string
}

// RenderError is an expression that failed or a result that does not fit: the template's fault.
type RenderError struct {
	// Path is the field in the template, such as spec.pod.spec.containers[0].image.
	Path string
	// File, Line and Column of the expression, counted from 1; 0 when unknown.
	File         string
	Line, Column int
	Message      string
	// Err is the cause: an *expression.Error, a *schema.Fault, or the PodReader's own.
	Err error
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
func (t *Template) Render(in *Input) (*Rendered, error) {
	key := t.program.key(in)
	s := t.memory.get(key)
	if s == nil {
		s = t.program.specialise(in)
		t.memory.put(key, s)
	}
	if s.rendered != nil {
		return s.rendered, nil
	}
	r := rendering{program: s.program, activation: activate(in), budget: s.budget}
	return r.run()
}

func activate(in *Input) expression.Activation {
	return expression.Activation{
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
	}
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
	return &r.out, nil
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
