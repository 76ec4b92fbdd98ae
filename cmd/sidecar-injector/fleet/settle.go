package fleet

import (
	"fmt"
	"slices"
	"strings"
)

// attribute assigns the differences to instances. Those that belong to no instance are assigned to all that
// have changed since the injection, or to the first instance if none has.
func (j *judgement) attribute(found []difference, of []*Instance, owner func(*difference) string, kin func(string) bool) {
	byInstance := map[string][]*difference{}
	for n := range found {
		d := &found[n]
		if name := owner(d); name != "" {
			byInstance[name] = append(byInstance[name], d)
			continue
		}
		told := false
		for _, i := range of {
			if !kin(i.Name) {
				byInstance[i.Name] = append(byInstance[i.Name], d)
				told = true
			}
		}
		if !told {
			byInstance[of[0].Name] = append(byInstance[of[0].Name], d)
		}
	}
	for _, i := range of {
		j.settle(i, byInstance[i.Name])
	}
}

// maxTold is the largest number of differences that a sentence lists.
const maxTold = 3

// settle determines whether the differences of one instance can be resolved in the running pod.
func (j *judgement) settle(i *Instance, found []*difference) {
	if len(found) == 0 {
		return
	}
	i.State = InPlace
	var told, obstacles []string
	for _, d := range found {
		if d.change == nil {
			i.State = Restart
			told = append(told, d.String())
			continue
		}
		of := j.changed(d.change)
		if of != nil {
			d.change.Restarts, d.change.Ready = of.startsAgain(d.change), of.status["ready"] == true
		}
		i.Changes = append(i.Changes, *d.change)
		told = append(told, d.change.String())
		if why := j.obstacle(d.change, of); why != "" && !slices.Contains(obstacles, why) {
			obstacles = append(obstacles, why)
		}
	}
	if i.State == InPlace && len(obstacles) == 0 && changesQuality(j.running, i.Changes) {
		obstacles = append(obstacles, "the pod's quality-of-service class would change")
	}
	if len(told) > maxTold {
		told = append(told[:maxTold], fmt.Sprintf("and %d more", len(told)-maxTold))
	}
	i.Why = strings.Join(told, "; ")
	if i.State == InPlace && len(obstacles) > 0 {
		i.State = Restart
		i.Why += " (not in place: " + strings.Join(obstacles, "; ") + ")"
	}
	if i.State == Restart {
		i.Changes = nil
	}
}

// obstacle returns why a change of a container cannot be made in a running pod; "" if it can.
func (j *judgement) obstacle(c *Change, of *container) string {
	switch {
	case of == nil:
		return ""
	case of.ends():
		return "an init container has run"
	case of.over():
		return "it has ended"
	case c.Field != "image":
		return j.keepsAmounts()
	case c.Init:
		return j.keepsImage()
	}
	return ""
}

// changed returns the container of a change; nil if the pod does not have it.
func (j *judgement) changed(c *Change) *container {
	all := j.containers()
	n := slices.IndexFunc(all, func(container container) bool { return container.init == c.Init && container.name == c.Container })
	if n < 0 {
		return nil
	}
	return &all[n]
}

// startsAgain reports whether the container's resizePolicy demands a restart for a change of this resource.
func (c *container) startsAgain(change *Change) bool {
	_, resource, _ := strings.Cut(change.Field, ".")
	return slices.ContainsFunc(items(c.spec, "resizePolicy"), func(p object) bool {
		return text(p, "resourceName") == resource && text(p, "restartPolicy") == "RestartContainer"
	})
}
