package inject

import (
	"slices"
	"strconv"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// environment writes the environment variables that a container gets: first the values that are joined to
// its own variables, whose indexes are the pod's, then the variables before its own, then the others.
func (a *assembly) environment(path string, m *targetPlan) {
	a.joined(path, m)
	if m.view.env == nil {
		if len(m.firstEnv) > 0 {
			m.env = slices.Concat(m.firstEnv, m.env)
		}
		a.list(path, "/env", false, m.env)
		return
	}
	for i, item := range m.firstEnv {
		a.add(a.path(path, "/env/", strconv.Itoa(i)), item.Raw)
	}
	a.list(path, "/env", true, m.env)
}

// joining is a variable to which values are joined.
type joining struct {
	name      string
	own       ownVariable
	item      *templates.JSON // an instance's variable of that name; nil if there is none
	first     bool            // a new variable goes before the container's own
	value     string
	unchanged bool // it has a valueFrom, to which nothing can be joined
}

// joined joins the values in the order of the plan, and adds the variables that are new to m.env and
// m.firstEnv.
func (a *assembly) joined(path string, m *targetPlan) {
	if len(m.joins) == 0 {
		return
	}
	var all table[string, *joining]
	var order []*joining
	for _, e := range m.joins {
		v, known := all.find(e.Name)
		if !known {
			v = a.joiningOf(m, e)
			all.add(e.Name, v)
			order = append(order, v)
		}
		if !v.unchanged {
			v.value = e.To(v.value, e.Object().Text("value"))
		}
	}
	made := map[*templates.JSON]*templates.JSON{}
	for _, v := range order {
		switch {
		case v.unchanged || v.own.found && v.value == v.own.value:
		case v.own.found:
			a.add(a.path(path, "/env/", strconv.Itoa(v.own.at), "/value"), program.AppendJSON(nil, v.value))
		case v.item != nil:
			object, _ := v.item.Value.(program.Object)
			value := object.With("value", v.value)
			made[v.item] = &templates.JSON{Value: value, Raw: value.AppendJSON(nil)}
		default:
			value := program.Object{{Name: "name", Value: v.name}, {Name: "value", Value: v.value}}
			item := &templates.JSON{Value: value, Raw: value.AppendJSON(nil)}
			if v.first {
				m.firstEnv = append(m.firstEnv, item)
			} else {
				m.env = append(m.env, item)
			}
		}
	}
	replace(m.env, made)
	replace(m.firstEnv, made)
}

// joiningOf returns the variable to which the values of a name are joined.
func (a *assembly) joiningOf(m *targetPlan, e *templates.EnvVariable) *joining {
	v := &joining{name: e.Name, first: e.First, own: m.view.variable(e.Name)}
	v.value = v.own.value
	if v.own.found {
		return v
	}
	claim := a.job.planned.find(targetKey{target: a.job.pod.number(m.list, m.index), kind: envItem, key: e.Name})
	if claim == nil {
		return v
	}
	v.item = &claim.item.JSON
	if _, from := claim.item.Object().Get("valueFrom"); from {
		v.unchanged = true
		a.job.warn("%s: env %s has a valueFrom, to which nothing can be joined: that of instance %s wins", m.place(), message.Quote(e.Name), message.Quote(claim.by))
		return v
	}
	v.value = claim.item.Object().Text("value")
	return v
}

// replace replaces the keys of made by their values in list.
func replace(list []*templates.JSON, made map[*templates.JSON]*templates.JSON) {
	for i, item := range list {
		if now := made[item]; now != nil {
			list[i] = now
		}
	}
}
