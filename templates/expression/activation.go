package expression

// Pod gives the pod to expressions, decoded only when one needs it.
type Pod interface {
	Name() string
	Namespace() string
	// Object is the pod as decoded JSON, with int64 for whole numbers, and
	// metadata.name and metadata.namespace set. It gives the same at each call.
	Object() (map[string]any, error)
}

// Activation is what the variables stand for in one rendering. It is made once per
// rendering, because it keeps what it has once converted; it must not be shared
// between goroutines nor changed after the first Evaluate.
type Activation struct {
	// Parameters by name: string, int64 (integer, port), float64 (number), bool, and
	// []string or []any of strings. Every declared parameter is there.
	Parameters map[string]any
	Instance   string
	Index      int
	// App is a container as decoded JSON; nil where there is none.
	App map[string]any
	Pod Pod

	NamespaceName                         string
	NamespaceLabels, NamespaceAnnotations map[string]string
	Cluster                               map[string]string
}

// Limits of the work that expressions may do, in the units of CEL, of which
// one is a comparison or a look-up.
const (
	// ExpressionLimit is for one evaluation of one expression.
	ExpressionLimit = 100_000
	// RenderingLimit is for all evaluations of one rendering.
	RenderingLimit = 1_000_000
)

// Budget sums up the work of one rendering. Its zero value is a full one. It must
// not be shared between goroutines.
type Budget struct{ spent uint64 }

// Spent is the work done so far.
func (b *Budget) Spent() uint64 { return b.spent }
