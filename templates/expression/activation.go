package expression

import (
	"fmt"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/interpreter"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// App is a container of the app as expressions see it. Object is called only if an expression needs more than
// the name.
type App interface {
	Name() string // "" where it has none
	// Object returns the container as decoded JSON, with int64 for whole numbers. It returns the same value,
	// which must not be changed, at each call.
	Object() (map[string]any, error)
}

// Pod is the pod as expressions see it. Object is called only if an expression needs more than name and
// namespace.
type Pod interface {
	Name() string      // "" for a pod that has only generateName
	Namespace() string // never ""
	// Object returns the pod as decoded JSON, with int64 for whole numbers, and metadata.name and
	// metadata.namespace set. It returns the same value, which must not be changed, at each call.
	Object() (map[string]any, error)
}

// Activation holds the values of the variables in one rendering. It is made once per rendering, because it
// caches what it has converted. It must not be shared between goroutines, and, except for the fields that say
// so, not be changed after the first Evaluate.
type Activation struct {
	// Parameters by name: string, int64 (integer, port), float64 (number), bool, and
	// []any of strings. Every declared parameter is there.
	Parameters map[string]any
	Instance   string
	Index      int
	// Native says that the instance is injected as native sidecars.
	Native bool
	// App is the first target container. If nil, expressions see a container without fields.
	App App
	// Pod may be nil only if no expression reads it.
	Pod Pod

	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
	// WorkloadKind and WorkloadName are those of the pod's outermost owner, such as a Deployment.
	WorkloadKind, WorkloadName string

	// Variables are the values of the template's own variables by name, as returned by Evaluate. A variable
	// has to be set before an expression that reads it is evaluated.
	Variables map[string]any

	// Targets are the containers that receive what the template adds to the app. Evaluate does not read them:
	// the caller sets the current one with SetTarget.
	Targets []App

	// Each and EachIndex are the $each element for which an item is being made, and its index. They,
	// Variables and, by SetTarget, the target may change between evaluations.
	Each      any
	EachIndex int

	target App

	// Arms, if not nil, records the arms of conditionals that evaluations take; each evaluation of a program
	// then plans it again. It may change between evaluations.
	Arms Arms

	armsOffset             int // offset of the evaluated source within its text
	podRead, app, targeted readObject
	namespaceRead          map[string]any
	workloadRead           map[string]any
}

// SetTarget sets the container for which expressions that read target are evaluated; nil means none.
func (in *Activation) SetTarget(c App) { in.target, in.targeted = c, readObject{} }

// pod returns the decoded pod with its quantities as strings, as the API server would send it.
func (in *Activation) pod() (map[string]any, error) {
	if in.Pod == nil {
		return map[string]any{}, nil
	}
	return in.podRead.read(schema.Pod(), in.Pod)
}

// readObject caches a decoded pod, or container of the app.
type readObject struct {
	done   bool
	object map[string]any
	err    error
}

// container returns the decoded container with its quantities as strings.
func (r *readObject) container(c App) (map[string]any, error) {
	if c == nil {
		return map[string]any{}, nil
	}
	return r.read(schema.Container(), c)
}

func (r *readObject) read(s *schema.Schema, from interface {
	Object() (map[string]any, error)
}) (map[string]any, error) {
	if r.done {
		return r.object, r.err
	}
	r.done = true
	object, err := from.Object()
	switch {
	case err != nil:
		r.err = err
	case object == nil:
		r.object = map[string]any{}
	default:
		r.object, _ = s.Canonical(object).(map[string]any)
	}
	return r.object, r.err
}

func (in *Activation) workload() map[string]any {
	if in.workloadRead == nil {
		in.workloadRead = map[string]any{"kind": in.WorkloadKind, "name": in.WorkloadName}
	}
	return in.workloadRead
}

func (in *Activation) namespaceObject() map[string]any {
	if in.namespaceRead == nil {
		in.namespaceRead = map[string]any{"metadata": map[string]any{
			"name":        in.NamespaceName,
			"labels":      anyMap(in.NamespaceLabels),
			"annotations": anyMap(in.NamespaceAnnotations),
		}}
	}
	return in.namespaceRead
}

// bindings implements CEL's activation interface for an Activation.
type bindings struct {
	*Activation
	// shallowPod, shallowApp and shallowTarget say that the program reads only the name and namespace of the
	// pod, or only the name of the container, so that the object need not be decoded.
	shallowPod, shallowApp, shallowTarget bool
}

// Parent implements interpreter.Activation.
func (b *bindings) Parent() interpreter.Activation { return nil }

// ResolveName implements interpreter.Activation.
func (b *bindings) ResolveName(name string) (any, bool) {
	switch name {
	case paramsVariable:
		return b.Parameters, true
	case instanceVariable:
		return b.Instance, true
	case indexVariable:
		return int64(b.Index), true
	case nativeVariable:
		return b.Native, true
	case appVariable:
		return resolveContainer(&b.app, b.App, b.shallowApp), true
	case targetVariable:
		return resolveContainer(&b.targeted, b.target, b.shallowTarget), true
	case workloadVariable:
		return b.workload(), true
	case variablesVariable:
		return b.Variables, true
	case clusterVariable:
		return b.Cluster, true
	case namespaceVariable:
		return b.namespaceObject(), true
	case podVariable:
		return b.resolvePod(), true
	case eachIndexVariable:
		return int64(b.EachIndex), true
	}
	if untypedName(name) == eachVariable {
		return b.Each, true
	}
	return nil, false
}

func resolveContainer(read *readObject, c App, shallow bool) any {
	if shallow && c != nil && c.Name() != "" {
		return map[string]any{"name": c.Name()}
	}
	object, err := read.container(c)
	if err != nil {
		return types.WrapErr(unreadable(err))
	}
	return object
}

func (b *bindings) resolvePod() any {
	if b.shallowPod && b.Pod != nil {
		return map[string]any{"metadata": map[string]any{"name": b.Pod.Name(), "namespace": b.Pod.Namespace()}}
	}
	pod, err := b.pod()
	if err != nil {
		return types.WrapErr(unreadable(err))
	}
	return pod
}

func unreadable(err error) *Error {
	return failed("the pod cannot be read: " + printed(err.Error()))
}

// Limits of the cost of expressions in CEL's units, of which one is a comparison or a look-up.
const (
	// ExpressionLimit is for one evaluation of one expression.
	ExpressionLimit = 100_000
	// RenderingLimit is for all evaluations of one rendering.
	RenderingLimit = 1_000_000
)

// Budget adds up the cost of one rendering. The zero value is ready to use, with nothing spent. It must not
// be shared between goroutines.
type Budget struct{ spent uint64 }

// Spent returns the cost so far.
func (b *Budget) Spent() uint64 { return b.spent }

// Spend adds a cost that arises outside of Evaluate. The error is an *Error if the sum exceeds
// RenderingLimit.
func (b *Budget) Spend(cost uint64) error {
	if err := b.spend(cost); err != nil {
		return err
	}
	return nil
}

// spend adds a cost; the error is not nil if the sum exceeds RenderingLimit.
func (b *Budget) spend(cost uint64) *Error {
	if b.spent += cost; b.spent <= RenderingLimit {
		return nil
	}
	return &Error{
		Reason:  ExpressionCost,
		Message: fmt.Sprintf("the expressions of the template together took more than %d units of work", RenderingLimit),
	}
}
