package inject

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// target is one container of the app that an instance adds to.
type target struct {
	list  string // containers or initContainers
	index int
	view  *containerView
}

func (t target) place() string {
	return "spec." + t.list + "[" + Shorten(t.view.Name, maxShown) + "]"
}

// ownContainers returns the pod's regular containers, without those of an earlier injection. The slice is
// read-only.
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

// ownInitContainers returns the pod's own init containers: run are those that end, sidecars the native
// sidecars. Both slices are read-only.
func (j *job) ownInitContainers() (run, sidecars []target) {
	if j.init == nil {
		containers := j.pod.spec.InitContainers
		j.init = []target{}
		for i := range containers {
			c := &containers[i]
			switch t := (target{list: "initContainers", index: i, view: c}); {
			case j.owned[c.Name]:
			case t.sidecar():
				j.sidecars = append(j.sidecars, t)
			default:
				j.init = append(j.init, t)
			}
		}
	}
	return j.init, j.sidecars
}

// sidecar reports whether the container is a native sidecar.
func (t target) sidecar() bool { return t.list == "initContainers" && t.view.RestartPolicy == "Always" }

// chooseTargets returns the containers that the template selects, or those of the pod's containers
// annotation if there is one. Expressions read the first of them as app.
func (j *job) chooseTargets(c *candidate) ([]target, *Fault) {
	if len(j.pod.spec.Containers) == 0 {
		return nil, &Fault{Reason: NoTarget, Instance: c.asked.instance, Place: "spec.containers",
			Message: "the pod has no container", Fix: "write the app's; no pod is without one"}
	}
	targets, fault := j.choose(c)
	if g, given := lookup(c.given, containersParameter); given && fault != nil {
		if names := j.meantNames(g.text); names != "" {
			fault.Fix = fmt.Sprintf("write %s; %s", message.Quote(names), fault.Fix)
		}
	}
	return targets, fault
}

// meantNames returns a list of containers with commas between the names, as which another notation was
// probably meant, such as a list in YAML; "" if the pod does not have them.
func (j *job) meantNames(text string) string {
	if len(text) > maxFixed {
		return ""
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(",;|&+[]\"' \t\n", r) })
	words = slices.DeleteFunc(words, func(word string) bool { return word == "-" })
	for i, word := range words {
		if excluded, ok := strings.CutPrefix(word, "!"); ok {
			word = "-" + excluded
		}
		if word == "*" {
			word = "all"
		}
		words[i] = strings.ToLower(word)
		name := strings.TrimPrefix(words[i], "-")
		if there, _, _ := j.pod.container(name); there == nil && name != "first" && name != "all" {
			return ""
		}
	}
	if slices.Equal(words, splitNames(text)) {
		return ""
	}
	return strings.Join(words, ", ")
}

func (j *job) choose(c *candidate) ([]target, *Fault) {
	t := c.template
	own := j.ownContainers()
	also := j.alsoTargets(t.Containers)
	place := func() string { return fmt.Sprintf("template %s: spec.app.containers", message.Quote(t.Name)) }
	choice := t.Containers
	fault := func(message string) *Fault { return noTarget(c.asked.instance, place(), message, own) }
	if g, ok := lookup(c.given, containersParameter); ok {
		place = func() string { return g.place(j.request.Namespace.Name) }
		var wrong string
		if choice, wrong = chosen(g.text); wrong != "" {
			return nil, fault(wrong)
		}
		for _, name := range choice.Skip {
			if c, _, _ := j.pod.container(name); c == nil {
				return nil, fault(fmt.Sprintf("container %s, which is to be left out, is not in the pod", message.Quote(name)))
			}
		}
	}
	switch {
	case choice.First:
		first, ok := firstTarget(j.pod, own)
		if !ok {
			return nil, fault("the pod has no container of its own")
		}
		return slices.Concat([]target{first}, also), nil
	case choice.All:
		if len(choice.Skip) > 0 {
			own, also = without(own, choice.Skip), without(also, choice.Skip)
		}
		if len(own) == 0 {
			return nil, fault("the pod has no container of its own that is not left out")
		}
		if len(also) == 0 {
			return own, nil
		}
		return slices.Concat(own, also), nil
	}
	candidates := own
	if len(also) > 0 {
		candidates = slices.Concat(own, also)
	}
	return j.named(c.asked.instance, place, candidates, choice.Names)
}

// alsoTargets returns the pod's own init containers and sidecars that the template also works for.
func (j *job) alsoTargets(t templates.Targets) []target {
	if !t.InitContainers && !t.Sidecars {
		return nil
	}
	run, sidecars := j.ownInitContainers()
	switch {
	case !t.Sidecars:
		return run
	case !t.InitContainers:
		return sidecars
	}
	return slices.Concat(run, sidecars)
}

// chosen parses the containers annotation: "first", "all", "all" and names with a hyphen to exclude, or
// names. wrong says what is wrong with it, or is "".
func chosen(text string) (choice templates.Targets, wrong string) {
	words := splitNames(text)
	if len(words) == 0 {
		return choice, "it names no container"
	}
	choice.First, choice.All = words[0] == "first", words[0] == "all"
	if choice.First && len(words) > 1 {
		return choice, "first is one container, and no others can be named beside it"
	}
	for _, word := range words {
		name, skip := strings.CutPrefix(word, "-")
		switch {
		case skip && choice.All:
			choice.Skip = append(choice.Skip, name)
		case skip && !templates.IsLabel(name):
			return choice, fmt.Sprintf("%s is not the name of a container", message.Quote(word))
		case skip:
			return choice, fmt.Sprintf("%s leaves a container out, which is possible of all only: write \"all, %s\"", message.Quote(word), Shorten(word, maxShown))
		case choice.All && word != "all":
			return choice, fmt.Sprintf("all has container %s already; a hyphen before the name leaves it out", message.Quote(word))
		case !choice.First && !choice.All:
			choice.Names = append(choice.Names, word)
		}
	}
	return choice, ""
}

// without returns the targets that have none of the names.
func without(targets []target, names []string) []target {
	skipped := nameSet(names)
	return slices.DeleteFunc(slices.Clone(targets), func(t target) bool { return skipped[t.view.Name] })
}

// named returns the candidates with those names; a missing one is a fault.
func (j *job) named(instance string, place func() string, candidates []target, names []string) ([]target, *Fault) {
	var index map[string]int
	chosen := make([]target, 0, min(len(names), len(candidates)))
	for k, name := range names {
		var i int
		if k < short { // an index takes longer than to search for a few
			i = slices.IndexFunc(candidates, func(c target) bool { return c.view.Name == name })
		} else {
			i = first(&index, len(candidates), func(i int) string { return candidates[i].view.Name }, name)
		}
		if i < 0 {
			fault := noTarget(instance, place(), fmt.Sprintf("container %s %s", message.Quote(name), j.whyNoTarget(name)), candidates)
			if near := nearest(name, targetNames(candidates)); near != "" {
				fault.Fix = fmt.Sprintf("did you mean %s? %s", near, fault.Fix)
			}
			return nil, fault
		}
		chosen = append(chosen, candidates[i])
	}
	return chosen, nil
}

// whyNoTarget says why no candidate has the name.
func (j *job) whyNoTarget(name string) string {
	c, list, _ := j.pod.container(name)
	switch {
	case c == nil:
		return "is not in the pod"
	case j.owned[name]:
		return "is one of the injector's, which sidecars do not work for"
	case list == "initContainers" && c.RestartPolicy == "Always":
		return "is a sidecar of the pod's own, which the template does not work for (it would say app.sidecars: true)"
	}
	return "is an init container, which the template does not work for (it would say app.initContainers: true)"
}

// firstTarget returns the container that the default-container annotation names, if it is one of own, else
// the first of own.
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
		fix = "the pod has " + listed(targetNames(candidates))
	}
	return &Fault{Reason: NoTarget, Instance: instance, Place: place, Message: message, Fix: fix}
}

func targetNames(targets []target) []string {
	names := make([]string, 0, len(targets))
	for _, t := range targets {
		names = append(names, t.view.Name)
	}
	return names
}

// splitNames splits a list at commas and drops empty and repeated items.
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
