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

func (t target) place() string { return fmt.Sprintf("spec.%s[%s]", t.list, t.view.Name) }

// ownContainers are the pod's containers that no status lists as ours.
func ownContainers(p *podView, status Status) []target {
	own := make([]target, 0, len(p.spec.Containers))
	for i := range p.spec.Containers {
		if c := &p.spec.Containers[i]; !status.owns(c.Name) {
			own = append(own, target{list: "containers", index: i, view: c})
		}
	}
	return own
}

// ownInitContainers are the pod's own init containers that run and end; a native
// sidecar is never a target, whoever added it.
func ownInitContainers(p *podView, status Status) []target {
	var own []target
	for i := range p.spec.InitContainers {
		if c := &p.spec.InitContainers[i]; c.RestartPolicy != "Always" && !status.owns(c.Name) {
			own = append(own, target{list: "initContainers", index: i, view: c})
		}
	}
	return own
}

// chooseTargets applies the template's choice of containers, or the pod's
// containers annotation in its place. Of the result, the first is the
// expressions' app.
func chooseTargets(t *templates.Template, instance string, all []given, p *podView, status Status, namespace string) ([]target, *Fault) {
	own, init := ownContainers(p, status), ownInitContainers(p, status)
	candidates := own
	if t.Containers.InitContainers {
		candidates = slices.Concat(own, init)
	}
	place := func() string { return fmt.Sprintf("template %s: spec.app.containers", templates.Quote(t.Name)) }
	choice := t.Containers
	if g, ok := lookup(all, containersParameter); ok {
		place = func() string { return g.place(namespace) }
		switch text := strings.TrimSpace(g.text); text {
		case "first", "all":
			choice = templates.Targets{First: text == "first", All: text == "all"}
		default:
			choice = templates.Targets{Names: splitNames(g.text)}
		}
		if !choice.First && !choice.All && len(choice.Names) == 0 {
			return nil, noTarget(instance, place(), "it names no container", own)
		}
	}
	switch {
	case choice.First:
		first, ok := firstTarget(p, own)
		if !ok {
			return nil, noTarget(instance, place(), "the pod has no container of its own", own)
		}
		return withInit([]target{first}, t, init), nil
	case choice.All:
		if len(own) == 0 {
			return nil, noTarget(instance, place(), "the pod has no container of its own", own)
		}
		return withInit(own, t, init), nil
	}
	var chosen []target
	for _, name := range choice.Names {
		i := slices.IndexFunc(candidates, func(c target) bool { return c.view.Name == name })
		if i < 0 {
			fault := noTarget(instance, place(), fmt.Sprintf("container %s is not in the pod", templates.Quote(name)), candidates)
			return nil, fault
		}
		chosen = append(chosen, candidates[i])
	}
	return chosen, nil
}

func withInit(chosen []target, t *templates.Template, init []target) []target {
	if !t.Containers.InitContainers {
		return chosen
	}
	return slices.Concat(chosen, init)
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
	var names []string
	for _, c := range candidates {
		names = append(names, c.view.Name)
	}
	fix := "the pod has no container to name"
	if len(names) > 0 {
		fix = "the pod has " + strings.Join(names, ", ")
	}
	return &Fault{Reason: NoTarget, Instance: instance, Place: place, Message: message, Fix: fix}
}

// splitNames reads a list separated by commas, without empty or repeated items.
func splitNames(text string) []string {
	var names []string
	for _, name := range strings.Split(text, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}
