package program

import (
	"errors"
	"fmt"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

func (e *Evaluation) list(n *Node) (any, bool, error) {
	out := make([]any, 0, len(n.Items))
	for _, item := range n.Items {
		if item.Each != nil {
			var err error
			if out, err = e.each(n, item, out); err != nil {
				return nil, false, err
			}
			continue
		}
		if e.trace == nil && item.Constant() {
			out = append(out, item.Value)
			if n.List != OtherList {
				e.note(n.List, Placement{})
			}
			continue
		}
		var err error
		if out, err = e.item(n, item, out); err != nil {
			return nil, false, err
		}
	}
	// A list whose items were all left out is treated as absent; a literal [] is kept.
	return out, len(out) > 0 || len(n.Items) == 0, nil
}

// item evaluates an item of a list and appends it, if it is present.
func (e *Evaluation) item(list, item *Node, out []any) ([]any, error) {
	above := e.enter(func(at *schema.Path) *schema.Path { return at.Item(len(out)) })
	value, present, err := e.evaluate(item)
	e.leave(above)
	if err != nil || !present {
		return out, err
	}
	out = append(out, value)
	if list.List != OtherList {
		err = e.place(list.List, item.Item)
	}
	return out, err
}

// each makes an item once for each element of its $each.
func (e *Evaluation) each(list, item *Node, out []any) ([]any, error) {
	above := e.enter(func(at *schema.Path) *schema.Path { return at.Item(len(out)) })
	value, present, err := e.evaluate(item.Each)
	e.leave(above)
	if elements, ok := expression.Elements(value); err == nil && (ok || !present) {
		e.reached.note(item.Each, len(elements) > 0)
	}
	if err != nil || !present {
		return out, err
	}
	elements, ok := expression.Elements(value)
	if !ok {
		return nil, e.fault(item.Each, errors.New("$each has a value that is no list"))
	}
	if len(elements) > expression.MaxElements {
		return nil, e.fault(item.Each, fmt.Errorf("$each has %d elements, more than %d", len(elements), expression.MaxElements))
	}
	if err := e.repeat(item, len(elements)); err != nil {
		if e.trace != nil {
			e.trace.Failed = append(e.trace.Failed, Failure{item.Each, err, WholeNode})
			return out, nil
		}
		return nil, e.fault(item.Each, err)
	}
	for i, element := range elements {
		e.activation.Each, e.activation.EachIndex = element, i
		if out, err = e.item(list, item, out); err != nil {
			return nil, err
		}
	}
	e.activation.Each = nil
	return out, nil
}

// MaxValues is the maximum number of mappings, lists and scalars of one rendering, and of a template.
const MaxValues = 50_000

// valueCost is the cost of each value that a $each makes, in CEL's units of work: so many that one rendering
// has at most MaxValues of them. It corresponds to the time of making and checking a value.
const valueCost = expression.RenderingLimit / MaxValues

// repeat adds the cost and size of an item for the given number of elements, before the item is made.
func (e *Evaluation) repeat(item *Node, elements int) error {
	if err := e.budget.Spend(uint64(elements * item.eachValues * valueCost)); err != nil {
		return err
	}
	if e.produced += elements * item.eachText; e.produced > maxProduced {
		return producedTooMuch()
	}
	return nil
}

// place records the $ words of an item that was just added.
func (e *Evaluation) place(list List, c *Item) error {
	var placement Placement
	if c != nil {
		placement.Name, placement.Join = c.Name, c.Join
		for _, p := range c.Position {
			value, present, err := e.evaluate(p)
			if err != nil {
				return err
			}
			text, _ := value.(string)
			switch {
			case !present, text == "":
			case !list.Takes(text):
				return e.fault(p, fmt.Errorf("%s is no position: %s", message.Quote(text), list.Hint()))
			default:
				placement.Position = append(placement.Position, text)
			}
		}
	}
	e.note(list, placement)
	return nil
}

func (e *Evaluation) note(list List, placement Placement) {
	switch list {
	case InitContainers:
		e.out.InitContainers = append(e.out.InitContainers, placement)
	case AppVariables:
		e.variables = append(e.variables, placement)
	default:
		e.out.Containers = append(e.out.Containers, placement)
	}
}
