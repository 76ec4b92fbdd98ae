package inject

import (
	"cmp"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// inOrderOf sorts the members of a as those of b, new ones last, at every depth.
// Items of lists are paired by name.
func inOrderOf(a, b templates.Object) templates.Object {
	var at table[string, int]
	for i := range a {
		at.add(a[i].Name, i)
	}
	out, taken := make(templates.Object, 0, len(a)), make([]bool, len(a))
	for _, m := range b {
		if i, ok := at.find(m.Name); ok && !taken[i] {
			taken[i] = true
			out = append(out, templates.Member{Name: m.Name, Value: orderLike(a[i].Value, m.Value)})
		}
	}
	for i, m := range a {
		if !taken[i] {
			out = append(out, m)
		}
	}
	return out
}

func orderLike(a, b any) any {
	switch a := a.(type) {
	case templates.Object:
		if b, ok := b.(templates.Object); ok {
			return inOrderOf(a, b)
		}
	case []any:
		model, _ := b.([]any)
		return itemsInOrderOf(a, model)
	}
	return a
}

// itemsInOrderOf keeps the order of named items: a variable of the override comes
// behind those of the template, which it may refer to.
func itemsInOrderOf(a, model []any) []any {
	var named table[string, int]
	for i, m := range slices.Backward(model) { // so that the first of a name is found
		if o, _ := m.(templates.Object); o.Text("name") != "" {
			named.add(o.Text("name"), i)
		}
	}
	type placed struct {
		item any
		at   int // in the model; its length for a new one
	}
	out := make([]placed, len(a))
	for i, item := range a {
		object, _ := item.(templates.Object)
		at, ok := named.find(object.Text("name"))
		if !ok {
			at = len(model)
		}
		out[i] = placed{item, at}
	}
	slices.SortStableFunc(out, func(x, y placed) int { return cmp.Compare(x.at, y.at) })
	items := make([]any, len(out))
	for i, p := range out {
		like := any(nil)
		if p.at < len(model) {
			like = model[p.at]
		} else if len(model) > 0 {
			like = model[len(model)-1]
		}
		items[i] = orderLike(p.item, like)
	}
	return items
}
