package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// target is one container of the app that an instance adds to.
type target struct {
	list  string // containers or initContainers
	index int
	view  *containerView
}

func (t target) place() string {
	return fmt.Sprintf("spec.%s[%s]", t.list, Shorten(t.view.Name, maxShown))
}

// ownContainers are the pod's containers that no status lists as ours. The slice is read-only.
func (j *job) ownContainers() []target {
	if j.own == nil {
		containers := j.pod.spec.Containers
		j.own = make([]target, 0, len(containers))
		for i := range containers {
			if c := &containers[i]; !j.owned[c.Name] {
				j.own = append(j.own, target{list: "containers", index: i, view: c})
			}
		}
	}
	return j.own
}

// ownInitContainers are the pod's own init containers that run and end; a native
// sidecar is never a target, whoever added it. The slice is read-only.
func (j *job) ownInitContainers() []target {
	if j.init == nil {
		containers := j.pod.spec.InitContainers
		j.init = []target{}
		for i := range containers {
			if c := &containers[i]; c.RestartPolicy != "Always" && !j.owned[c.Name] {
				j.init = append(j.init, target{list: "initContainers", index: i, view: c})
			}
		}
	}
	return j.init
}

// chooseTargets applies the template's choice of containers, or the pod's
// containers annotation in its place. Of the result, the first is the
// expressions' app.
func (j *job) chooseTargets(c *candidate) ([]target, *Fault) {
	t := c.template
	own, init := j.ownContainers(), []target(nil)
	if t.Containers.InitContainers {
		init = j.ownInitContainers()
	}
	place := func() string { return fmt.Sprintf("template %s: spec.app.containers", templates.Quote(t.Name)) }
	choice := t.Containers
	if g, ok := lookup(c.given, containersParameter); ok {
		place = func() string { return g.place(j.request.Namespace.Name) }
		switch text := strings.TrimSpace(g.text); text {
		case "first", "all":
			choice = templates.Targets{First: text == "first", All: text == "all"}
		default:
			choice = templates.Targets{Names: splitNames(g.text)}
		}
		if !choice.First && !choice.All && len(choice.Names) == 0 {
			return nil, noTarget(c.asked.instance, place(), "it names no container", own)
		}
	}
	switch {
	case choice.First:
		first, ok := firstTarget(j.pod, own)
		if !ok {
			return nil, noTarget(c.asked.instance, place(), "the pod has no container of its own", own)
		}
		return slices.Concat([]target{first}, init), nil
	case choice.All:
		if len(own) == 0 {
			return nil, noTarget(c.asked.instance, place(), "the pod has no container of its own", own)
		}
		if len(init) == 0 {
			return own, nil
		}
		return slices.Concat(own, init), nil
	}
	candidates := own
	if len(init) > 0 {
		candidates = slices.Concat(own, init)
	}
	return named(c.asked.instance, place, candidates, choice.Names)
}

// named are the candidates of those names; each has to be there.
func named(instance string, place func() string, candidates []target, names []string) ([]target, *Fault) {
	var byName table[string, target]
	for _, c := range slices.Backward(candidates) { // so that the first of a name is found
		byName.add(c.view.Name, c)
	}
	chosen := make([]target, 0, min(len(names), len(candidates)))
	for _, name := range names {
		found, ok := byName.find(name)
		if !ok {
			return nil, noTarget(instance, place(), fmt.Sprintf("container %s is not in the pod", templates.Quote(name)), candidates)
		}
		chosen = append(chosen, found)
	}
	return chosen, nil
}

// firstTarget is the container that the default-container annotation names, if
// it is the app's, else the first of the app's.
func firstTarget(p *podView, own []target) (target, bool) {
	name := p.metadata.Annotations[defaultContainerAnnotation]
	if i := slices.IndexFunc(own, func(c target) bool { return c.view.Name == name }); i >= 0 {
		return own[i], true
	}
	if len(own) == 0 {
		return target{}, false
	}
	return own[0], true
}

func noTarget(instance, place, message string, candidates []target) *Fault {
	fix := "the pod has no container to name"
	if len(candidates) > 0 {
		names := make([]string, 0, len(candidates))
		for _, c := range candidates {
			names = append(names, c.view.Name)
		}
		fix = "the pod has " + listed(names)
	}
	return &Fault{Reason: NoTarget, Instance: instance, Place: place, Message: message, Fix: fix}
}

// splitNames reads a list separated by commas, without empty or repeated items.
func splitNames(text string) []string {
	var names []string
	var seen table[string, struct{}]
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !seen.has(name) {
			seen.add(name, struct{}{})
			names = append(names, name)
		}
	}
	return names
}
