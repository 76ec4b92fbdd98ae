package templates

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// rendering is one evaluation of a program.
type rendering struct {
	program    *program
	origin     Origin // of the template
	activation expression.Activation
	budget     expression.Budget
	produced   int // bytes of the texts that expressions gave, and of those that $each repeats
	out        Rendered
	// trace is set when a template is checked: it learns where in the template each
	// value came from, and which expressions failed.
	trace *trace
}

// trace is what a check learns from a rendering.
type trace struct {
	at     *schema.Path // of the value being built, in the result
	places map[string]place
	nodes  map[place]*node // the expressions, by place
	failed []traceFailure
}

type traceFailure struct {
	node *node
	err  error
}

// evaluate gives a node's value; present is false where it is left out.
func (r *rendering) evaluate(n *node) (value any, present bool, err error) {
	if n.when != nil {
		keep, there, err := r.evaluate(n.when)
		if err != nil {
			return nil, false, err
		}
		if !there || keep != true {
			return nil, false, nil
		}
	}
	if r.trace != nil {
		r.trace.places[r.trace.at.String()] = n.place
	}
	switch n.form {
	case expressionForm:
		return r.expression(n)
	case mappingForm:
		return r.mapping(n)
	case listForm:
		return r.list(n)
	default:
		if r.trace != nil {
			r.traceConstant(n)
		}
		return n.value, true, nil
	}
}

func (r *rendering) expression(n *node) (any, bool, error) {
	if r.trace != nil {
		r.trace.nodes[n.place] = n
		if r.budget.Spent() > expression.RenderingLimit {
			return nil, false, nil // as the failure says that was noted when it was spent
		}
	}
	value, present, err := n.expression.Evaluate(&r.activation, &r.budget)
	if err == nil && !present {
		return nil, false, nil
	}
	if err == nil {
		err = fits(value, n.want)
	}
	if r.produced += textBytes(value); err == nil && r.produced > maxProduced {
		err = producedTooMuch()
	}
	if err != nil {
		if r.trace != nil {
			r.trace.failed = append(r.trace.failed, traceFailure{n, err})
			return nil, false, nil
		}
		return nil, false, r.fault(n, err)
	}
	if l, ok := value.([]any); ok && r.trace != nil {
		for i := range l {
			r.trace.places[r.trace.at.Item(i).String()] = n.place
		}
	}
	return value, value != nil, nil
}

func producedTooMuch() error {
	return &expression.Error{Reason: expression.ExpressionCost,
		Message: fmt.Sprintf("what the expressions gave is larger than %d bytes, and so than a pod may be", maxProduced)}
}

// textBytes is how long the texts in a value are.
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

// fault places an error in the template.
func (r *rendering) fault(n *node, err error) error {
	// The program may have been compiled for an equal template elsewhere.
	line := n.place.line - r.program.line + r.origin.Line
	return &RenderError{
		Path: n.place.at.String(), File: r.origin.File, Line: line, Column: n.place.column,
		Message: err.Error(), Parameters: blamed(n, err), Cost: r.budget.Spent(), Err: err,
	}
}

// blamed are the parameters whose values an error can come from.
func blamed(n *node, err error) []string {
	uses := n.uses()
	if failed := (*expression.Error)(nil); errors.As(err, &failed) && failed.Reason == expression.ExpressionFailed && uses.MayBeAbsent() {
		return nil
	}
	return uses.Parameters
}

// fits checks a value that an expression gave; the common kinds without a walk.
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

func (r *rendering) mapping(n *node) (any, bool, error) {
	out := make(Object, 0, len(n.members))
	names := n.writtenNames()
	for i := range n.members {
		m := &n.members[i]
		name := m.name
		if m.key != nil {
			var err error
			if name, err = r.key(m.key, names); err != nil {
				return nil, false, err
			}
			names[name] = true
		}
		if r.trace == nil && m.value.constant() {
			out = append(out, Member{Name: name, Value: m.value.value})
			continue
		}
		above := r.enter(func(at *schema.Path) *schema.Path { return at.Member(name) })
		value, present, err := r.evaluate(m.value)
		r.leave(above)
		if err != nil {
			return nil, false, err
		}
		if present {
			out = append(out, Member{Name: name, Value: value})
		}
	}
	return out, true, nil
}

// writtenNames are the names of a mapping's members that are no expressions, if others are; else nil.
func (n *node) writtenNames() map[string]bool {
	if !slices.ContainsFunc(n.members, func(m memberNode) bool { return m.key != nil }) {
		return nil
	}
	names := make(map[string]bool, len(n.members))
	for i := range n.members {
		if m := &n.members[i]; m.key == nil {
			names[m.name] = true
		}
	}
	return names
}

// key evaluates the key of a label or annotation.
func (r *rendering) key(n *node, names map[string]bool) (string, error) {
	value, _, err := r.evaluate(n)
	if err != nil {
		return "", err
	}
	name, _ := value.(string)
	if reservedKey(name, r.activation.Instance) {
		return "", r.fault(n, fmt.Errorf("key %s belongs to sidecar-injector", Quote(name)))
	}
	if names[name] {
		return "", r.fault(n, fmt.Errorf("key %s is there twice", Quote(name)))
	}
	return name, nil
}

func (r *rendering) list(n *node) (any, bool, error) {
	out := make([]any, 0, len(n.items))
	for _, item := range n.items {
		if item.each != nil {
			var err error
			if out, err = r.each(n, item, out); err != nil {
				return nil, false, err
			}
			continue
		}
		if r.trace == nil && item.constant() {
			out = append(out, item.value)
			continue
		}
		var err error
		if out, err = r.item(n, item, out); err != nil {
			return nil, false, err
		}
	}
	// A list whose items were all left out is as good as absent; one written as [] stays.
	return out, len(out) > 0 || len(n.items) == 0, nil
}

// item evaluates an item of a list and appends it, if it is present.
func (r *rendering) item(list, item *node, out []any) ([]any, error) {
	above := r.enter(func(at *schema.Path) *schema.Path { return at.Item(len(out)) })
	value, present, err := r.evaluate(item)
	r.leave(above)
	if err != nil || !present {
		return out, err
	}
	out = append(out, value)
	if list.list != noContainers {
		err = r.place(list.list, item.container)
	}
	return out, err
}

// each makes an item once for each element of its $each.
func (r *rendering) each(list, item *node, out []any) ([]any, error) {
	above := r.enter(func(at *schema.Path) *schema.Path { return at.Item(len(out)) })
	value, present, err := r.evaluate(item.each)
	r.leave(above)
	if err != nil || !present {
		return out, err
	}
	elements, ok := expression.Elements(value)
	if !ok {
		return nil, r.fault(item.each, errors.New("$each has a value that is no list"))
	}
	if len(elements) > expression.MaxElements {
		return nil, r.fault(item.each, fmt.Errorf("$each has %d elements, more than %d", len(elements), expression.MaxElements))
	}
	if err := r.repeat(item, len(elements)); err != nil {
		if r.trace != nil {
			r.trace.failed = append(r.trace.failed, traceFailure{item.each, err})
			return out, nil
		}
		return nil, r.fault(item.each, err)
	}
	for i, element := range elements {
		r.activation.Each, r.activation.EachIndex = element, i
		if out, err = r.item(list, item, out); err != nil {
			return nil, err
		}
	}
	r.activation.Each = nil
	return out, nil
}

// valueCost is what each value that a $each makes costs, in CEL's units: as many as making and, at
// load, checking it takes. So one rendering has at most 50,000 of them, as a template has values.
const valueCost = expression.RenderingLimit / maxValues

// repeat counts what an item adds for so many elements, before it is made.
func (r *rendering) repeat(item *node, elements int) error {
	if err := r.budget.Spend(uint64(elements * item.eachValues * valueCost)); err != nil {
		return err
	}
	if r.produced += elements * item.eachText; r.produced > maxProduced {
		return producedTooMuch()
	}
	return nil
}

// place notes what the template says about a container that was just added.
func (r *rendering) place(list containerList, c *containerNode) error {
	var placement Placement
	if c != nil {
		placement.Name = c.name
		for _, p := range c.position {
			value, present, err := r.evaluate(p)
			if err != nil {
				return err
			}
			text, _ := value.(string)
			switch {
			case !present, text == "":
			case !validPosition(text):
				return r.fault(p, fmt.Errorf("%s is no position: %s", Quote(text), positionHint))
			default:
				placement.Position = append(placement.Position, text)
			}
		}
	}
	if list == initContainerList {
		r.out.InitContainers = append(r.out.InitContainers, placement)
	} else {
		r.out.Containers = append(r.out.Containers, placement)
	}
	return nil
}

// enter and leave keep the trace's path.
func (r *rendering) enter(below func(*schema.Path) *schema.Path) (above *schema.Path) {
	if r.trace == nil {
		return nil
	}
	above = r.trace.at
	r.trace.at = below(above)
	return above
}

func (r *rendering) leave(above *schema.Path) {
	if r.trace != nil {
		r.trace.at = above
	}
}

// traceConstant notes the places of everything in a folded value.
func (r *rendering) traceConstant(n *node) {
	at := r.trace.at
	for i := range n.members {
		r.trace.at = at.Member(n.members[i].name)
		r.trace.places[r.trace.at.String()] = n.members[i].value.place
		r.traceConstant(n.members[i].value)
	}
	for i, item := range n.items {
		r.trace.at = at.Item(i)
		r.trace.places[r.trace.at.String()] = item.place
		r.traceConstant(item)
	}
	r.trace.at = at
}
