package program

import "github.com/sidecar-injector/sidecar-injector/templates/schema"

// Trace records an evaluation for a check of the template.
type Trace struct {
	// Places has, by path in the result, the place in the template that produced the value.
	Places map[string]Place
	// Nodes are the expressions, by place.
	Nodes map[Place]*Node
	// Failed are the expressions that could not be evaluated.
	Failed []Failure

	at *schema.Path // path of the value being built, in the result
}

// Failure is an expression that could not be evaluated.
type Failure struct {
	Node *Node
	Err  error
	// Offset is the byte of the scalar at which the evaluation failed; WholeNode if it is the value, or the
	// rendering so far, that is at fault.
	Offset int
}

// WholeNode is the Offset of a Failure that is at no place within its scalar.
const WholeNode = -1

// NewTrace returns an empty Trace.
func NewTrace() *Trace { return &Trace{Places: map[string]Place{}, Nodes: map[Place]*Node{}} }

// enter and leave maintain the trace's current path; leave takes the result of enter.
func (e *Evaluation) enter(below func(*schema.Path) *schema.Path) (above *schema.Path) {
	if e.trace == nil {
		return nil
	}
	above = e.trace.at
	e.trace.at = below(above)
	return above
}

func (e *Evaluation) leave(above *schema.Path) {
	if e.trace != nil {
		e.trace.at = above
	}
}

// traceConstant records the places of all values within a constant.
func (e *Evaluation) traceConstant(n *Node) {
	at := e.trace.at
	for i := range n.Members {
		e.trace.at = at.Member(n.Members[i].Name)
		e.trace.Places[e.trace.at.String()] = n.Members[i].Value.Place
		e.traceConstant(n.Members[i].Value)
	}
	for i, item := range n.Items {
		e.trace.at = at.Item(i)
		e.trace.Places[e.trace.at.String()] = item.Place
		e.traceConstant(item)
	}
	e.trace.at = at
}
