package program

import (
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// Additions is the result of a program for one instance: partial objects with expressions evaluated and $
// words removed, in the template's key order, checked against the core/v1 schemas.
type Additions struct {
	// Pod is the partial pod. It may be nil.
	Pod Object
	// App is added to each target container; if Apps is not nil, it is the first of them.
	App AppAdditions
	// Apps are the additions to each target, in their order; nil unless they depend on the target.
	Apps []AppAdditions
	// InitContainers and Containers describe the containers of Pod, by index.
	InitContainers, Containers []Placement
}

// ContainerList is one of the pod's two lists of containers, with its field in the pod's spec, and the containers'
// $ words by index.
type ContainerList struct {
	Field      string
	Items      []any
	Placements []Placement
}

// Placement returns the $ words of the container at index i; a zero Placement if there are none.
func (l ContainerList) Placement(i int) Placement {
	if i < len(l.Placements) {
		return l.Placements[i]
	}
	return Placement{}
}

// Lists returns both lists of containers.
func (a *Additions) Lists() [2]ContainerList {
	spec := a.Pod.Object("spec")
	return [2]ContainerList{
		{"initContainers", spec.List("initContainers"), a.InitContainers},
		{"containers", spec.List("containers"), a.Containers},
	}
}

// AppAdditions are the fields added to a target container.
type AppAdditions struct {
	// Fields may be nil.
	Fields Object
	// Variables describe the env variables in Fields, by index; nil if no variable has a position or join.
	Variables []Placement
}

// Placement holds the $ words of a container, or of a variable of the app.
type Placement struct {
	// Name is the container's name as written in the template, expressions and all.
	Name string
	// Position lists the wanted positions: first, last, before:NAME, after:NAME; the first one that is
	// possible is used. Empty means the default position. For a variable only first is valid.
	Position []string
	Join     Join
}

// Evaluation is one evaluation of a program, for one instance in one pod. It is not shared
// between goroutines.
type Evaluation struct {
	program    *Program
	activation expression.Activation
	budget     expression.Budget
	produced   int // bytes of the texts made by expressions, and of those repeated by $each
	out        Additions
	variables  []Placement // env variables of the app additions being made
	failed     []string    // variables that failed; the trace has the errors
	trace      *Trace      // nil unless a template is being checked
	record     func(n *Node, value any, cost uint64)
	reached    Reached
}

// Evaluation returns a new evaluation with these variables. trace, if not nil, records the place in the
// template of each value, and the expressions that failed: with a trace, the value of a failed expression is
// left out, and the failure is not returned as an error.
func (p *Program) Evaluation(variables expression.Activation, trace *Trace) *Evaluation {
	return &Evaluation{program: p, activation: variables, trace: trace}
}

// Record sets a function that is called with the value and cost of each expression as it is evaluated.
func (e *Evaluation) Record(record func(n *Node, value any, cost uint64)) {
	e.record = record
}

// Additions evaluates the trees of app and pod. The error is always an *Error.
func (e *Evaluation) Additions() (Additions, error) {
	var err error
	if e.out.Pod, err = e.tree(e.program.Pod); err != nil {
		return Additions{}, err
	}
	if err = e.checkSiblings(); err != nil {
		return Additions{}, err
	}
	if err = e.app(); err != nil {
		return Additions{}, err
	}
	return e.out, nil
}

// app evaluates the additions to the target containers, once per target if they depend on it.
func (e *Evaluation) app() (err error) {
	targets := e.activation.Targets
	if !e.program.Reads.Target || len(targets) == 0 {
		e.out.App, err = e.appFor(nil)
		return err
	}
	if err := e.repeat(e.program.App, len(targets)-1); err != nil {
		return e.fault(e.program.App, err)
	}
	for _, target := range targets {
		app, err := e.appFor(target)
		if err != nil {
			return err
		}
		e.out.Apps = append(e.out.Apps, app)
	}
	e.activation.SetTarget(nil)
	e.out.App = e.out.Apps[0]
	return nil
}

func (e *Evaluation) appFor(target expression.App) (app AppAdditions, err error) {
	e.activation.SetTarget(target)
	e.variables = nil
	app.Fields, err = e.tree(e.program.App)
	app.Variables = e.variables
	return app, err
}

// Permissions evaluates the permissions. The error is always an *Error.
func (e *Evaluation) Permissions() ([]any, error) {
	n := e.program.Permissions
	if n == nil {
		return nil, nil
	}
	if e.trace != nil {
		e.trace.at = n.Place.At
	}
	value, _, err := e.evaluate(n)
	list, _ := value.([]any)
	return list, err
}

// Cost returns the cost of the expressions so far, in CEL's units of work.
func (e *Evaluation) Cost() uint64 { return e.budget.Spent() }

func (e *Evaluation) tree(n *Node) (Object, error) {
	if n == nil {
		return nil, nil
	}
	if e.trace != nil {
		e.trace.at = n.Place.At
	}
	value, _, err := e.evaluate(n)
	object, _ := value.(Object)
	return object, err
}

// evaluate returns a node's value; present is false if it is left out.
func (e *Evaluation) evaluate(n *Node) (value any, present bool, err error) {
	if n.When != nil {
		keep, there, err := e.evaluate(n.When)
		if err != nil {
			return nil, false, err
		}
		e.reached.note(n.When, there && keep == true)
		if !there || keep != true {
			return nil, false, nil
		}
	}
	if e.trace != nil {
		e.trace.Places[e.trace.at.String()] = n.Place
	}
	switch n.Form {
	case ExpressionForm:
		return e.expression(n)
	case MappingForm:
		return e.mapping(n)
	case ListForm:
		return e.list(n)
	default:
		if e.trace != nil {
			e.traceConstant(n)
		}
		return n.Value, true, nil
	}
}

func (e *Evaluation) expression(n *Node) (any, bool, error) {
	if e.trace != nil {
		e.trace.Nodes[n.Place] = n
		if e.budget.Spent() > expression.RenderingLimit {
			return nil, false, nil // the trace has the failure of the expression that used up the budget
		}
	}
	if known, err := e.know(n.Expression.Uses().Variables); err != nil || !known {
		return nil, false, err
	}
	before := e.budget.Spent()
	e.activation.Arms = e.reached.arms(n)
	value, present, err := n.Expression.Evaluate(&e.activation, &e.budget)
	if e.record != nil {
		e.record(n, value, e.budget.Spent()-before)
	}
	if err == nil && !present {
		return nil, false, nil
	}
	offset := failedAt(err)
	if err == nil {
		err = fits(value, n.Want)
	}
	e.produced += textBytes(value)
	if err == nil && e.produced > maxProduced {
		err = producedTooMuch()
	}
	if err != nil {
		if e.trace != nil {
			e.trace.Failed = append(e.trace.Failed, Failure{n, err, offset})
			return nil, false, nil
		}
		return nil, false, e.fault(n, err)
	}
	if l, ok := value.([]any); ok && e.trace != nil {
		for i := range l {
			e.trace.Places[e.trace.at.Item(i).String()] = n.Place
		}
	}
	return value, value != nil, nil
}

// failedAt returns where in its text an evaluation failed, WholeNode if it did not.
func failedAt(err error) int {
	if failed := (*expression.Error)(nil); errors.As(err, &failed) {
		return failed.Offset
	}
	return WholeNode
}

// maxProduced is the maximum size in bytes of the texts made by one rendering: by default, etcd accepts no
// larger object (--max-request-bytes), so no pod could hold them.
const maxProduced = 3 << 19

func producedTooMuch() error {
	return &expression.Error{Reason: expression.ExpressionCost,
		Message: fmt.Sprintf("what the expressions gave is larger than %d bytes, and so than a pod may be", maxProduced)}
}

// textBytes returns the total length of the texts in a value.
func textBytes(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []any:
		total := 0
		for _, item := range v {
			total += textBytes(item)
		}
		return total
	}
	return 0
}

// fits checks the value of an expression; common kinds are checked without CheckJSON.
func fits(value any, want *schema.Schema) error {
	if want == nil {
		return nil
	}
	switch v := value.(type) {
	case string:
		if want.Kind == schema.String && want.Format == schema.NoFormat {
			return nil
		}
	case bool:
		if want.Kind == schema.Boolean {
			return nil
		}
	case int64:
		if want.Kind == schema.Integer && v >= want.Min && v <= want.Max {
			return nil
		}
	}
	if faults := want.CheckJSON(value, nil); len(faults) > 0 {
		return &faults[0]
	}
	return nil
}

func (e *Evaluation) mapping(n *Node) (any, bool, error) {
	out := make(Object, 0, len(n.Members))
	names := n.writtenNames()
	for i := range n.Members {
		m := &n.Members[i]
		name := m.Name
		if m.Key != nil {
			var err error
			if name, err = e.key(m.Key, names); err != nil {
				return nil, false, err
			}
			names[name] = true
		}
		if e.trace == nil && m.Value.Constant() {
			out = append(out, Member{Name: name, Value: m.Value.Value})
			continue
		}
		above := e.enter(func(at *schema.Path) *schema.Path { return at.Member(name) })
		value, present, err := e.evaluate(m.Value)
		e.leave(above)
		if err != nil {
			return nil, false, err
		}
		if present {
			out = append(out, Member{Name: name, Value: value})
		} else if name == n.Needs {
			return nil, false, nil
		}
	}
	return out, true, nil
}

// key evaluates the key of a label or annotation.
func (e *Evaluation) key(n *Node, names map[string]bool) (string, error) {
	value, _, err := e.evaluate(n)
	if err != nil {
		return "", err
	}
	name, _ := value.(string)
	if ReservedKey(name, e.activation.Instance) {
		return "", e.fault(n, fmt.Errorf("key %s belongs to sidecar-injector", message.Quote(name)))
	}
	if names[name] {
		return "", e.fault(n, fmt.Errorf("key %s is there twice", message.Quote(name)))
	}
	return name, nil
}
