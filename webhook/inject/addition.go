package inject

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// newAddition returns what one instance adds, with the override applied.
func (j *job) newAddition(c *candidate, r *templates.Rendered, overrides map[string]override) (*templates.Parts, []Fault) {
	faults := j.unmet(c, r.Unmet, overrides)
	if len(overrides) > 0 {
		told, before := len(faults), r.Unmet
		r = r.Override(func(name string, container program.Object) program.Object {
			container, wrong := j.applyOverride(c, container, name, overrides, before)
			faults = append(faults, wrong...)
			return container
		})
		if len(faults) > told {
			return nil, faults
		}
	}
	// A name may be refused by both; what is said of names says more.
	if wrong := checkNames(c, &r.Parts); len(wrong) > 0 || len(faults) == 0 {
		return &r.Parts, wrong
	}
	return nil, faults
}

// checkNames returns a fault for each name and mount path that the API server would reject. A name that is
// made from the instance or from a parameter can be too long or malformed.
func checkNames(c *candidate, a *templates.Parts) []Fault {
	var faults []Fault
	check := func(what, name string, rule nameRule) {
		if f := c.generatedName(what, name, rule); f != nil {
			faults = append(faults, *f)
		}
	}
	windows := slices.Contains(c.template.Spec.Supports, v1alpha1.SupportWindows)
	path := func(container string, m *templates.Named) { // container is "" for the app's
		mountPath := m.Object().Text("mountPath")
		if !requirement.HasColon(mountPath, windows) {
			return
		}
		where := "the app's container"
		if container != "" {
			where = "container " + message.Quote(container)
		}
		faults = append(faults, Fault{Reason: BadParameter, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("%s: mount path %s contains a colon, which Kubernetes forbids", where, message.Quote(mountPath)),
			Fix:     "choose another path"})
	}
	for container := range containersOf(a) {
		check("container", container.Name, containerName())
		for i := range container.Ports {
			if name := container.Ports[i].Name; name != "" {
				check("port", name, portName())
			}
		}
		for i := range container.Mounts {
			path(container.Name, &container.Mounts[i])
		}
	}
	for _, v := range a.Volumes {
		check("volume", v.Name, containerName())
	}
	for i := range a.Kinds() {
		app := a.For(i)
		for i := range app.Mounts {
			path("", &app.Mounts[i])
		}
	}
	return faults
}

// containersOf yields all containers of an addition.
func containersOf(a *templates.Parts) iter.Seq[*templates.Container] {
	return func(yield func(*templates.Container) bool) {
		for _, list := range [][]templates.Container{a.Init, a.Regular} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}

// place describes the instance, as the place of faults that no annotation causes.
func (c *candidate) place() string {
	return fmt.Sprintf("instance %s of template %s", message.Quote(c.asked.instance), message.Quote(c.asked.template))
}

// nameRule is the API server's rule for a kind of name.
type nameRule struct {
	longest int
	valid   func(string) bool
	words   string // the permitted characters, for messages
}

// containerName is the rule for containers and volumes, a DNS label.
func containerName() nameRule {
	return nameRule{validation.DNS1123LabelMaxLength, templates.IsLabel, "lower-case letters, digits and inner hyphens"}
}

// portName is the rule for container ports, the name of an Internet service.
func portName() nameRule {
	const longest = 15 // RFC 6335
	valid := func(name string) bool { return len(validation.IsValidPortName(name)) == 0 }
	return nameRule{longest, valid, "lower-case letters, digits and single inner hyphens, with at least one letter"}
}

// shorter returns the fix for a name that is too long: to shorten the instance's name if that is enough,
// else the name of the app's container, else a parameter.
func (c *candidate) shorter(name string, excess int) string {
	characters := func(n int) string {
		if n == 1 {
			return "1 character"
		}
		return fmt.Sprintf("%d characters", n)
	}
	if left := len(c.asked.instance) - excess; left > 0 && strings.Contains(name, c.asked.instance) {
		return "choose an instance name of at most " + characters(left)
	}
	if len(c.targets) > 0 {
		app := c.targets[0].view.Name
		if left := len(app) - excess; left > 0 && strings.Contains(name, app) {
			return "give the app's container a name of at most " + characters(left)
		}
	}
	return "shorten the parameter that it is made of"
}

func (c *candidate) generatedName(what, name string, rule nameRule) *Fault {
	if len(name) > rule.longest {
		fix := c.shorter(name, len(name)-rule.longest)
		return &Fault{Reason: BadRequest, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("%s name %s has %d characters, more than %d", what, message.Quote(name), len(name), rule.longest), Fix: fix}
	}
	if !rule.valid(name) {
		if len(c.targets) > 0 && strings.Contains(name, c.targets[0].view.Name) && !templates.IsLabel(c.targets[0].view.Name) {
			app := c.targets[0]
			return &Fault{Reason: BadRequest, Instance: c.asked.instance, Place: fmt.Sprintf("spec.%s[%d].name", app.list, app.index),
				Message: fmt.Sprintf("%s is not made of %s, and %s has a %s that is named after it", message.Quote(app.view.Name), rule.words, c.place(), what),
				Fix:     "rename the container: Kubernetes refuses the name as well"}
		}
		return &Fault{Reason: BadParameter, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("%s name %s is not made of %s", what, message.Quote(name), rule.words),
			Fix:     "change the parameter that it is made of"}
	}
	return nil
}
