package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/cmd/sidecar-injector/terminal"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// explainContainers describes each container of after and says where it comes from. before is the pod
// without the new additions.
func explainContainers(instances []Instance, before, after *podFields) []Container {
	var all []Container
	observed := map[string]containerStatus{}
	for _, s := range slices.Concat(after.Status.InitContainerStatuses, after.Status.ContainerStatuses) {
		observed[s.Name] = s
	}
	old := map[string]*containerFields{}
	for _, list := range [][]containerFields{before.Spec.InitContainers, before.Spec.Containers} {
		for i := range list {
			old[list[i].Name] = &list[i]
		}
	}
	owners, volumes := ownersOf(instances), volumeOriginsOf(instances)
	add := func(c *containerFields, isInit bool) {
		e := Container{Name: c.Name, Image: c.Image, Instance: owners[c.Name]}
		native := isInit && c.RestartPolicy == "Always"
		e.Counts = !isInit || native
		switch {
		case native:
			e.Role = roleSidecar
		case isInit:
			e.Role = roleInit
		case e.Instance != "":
			e.Role = roleInjected
		default:
			e.Role = roleApp
		}
		if e.Instance == "" {
			e.Gets = gets(volumes, c, cmp.Or(old[c.Name], &containerFields{}))
		}
		if s, ok := observed[c.Name]; ok {
			e.ready, e.State = s.Ready, s.text(e.Counts)
		}
		all = append(all, e)
	}
	for i := range after.Spec.InitContainers {
		add(&after.Spec.InitContainers[i], true)
	}
	for i := range after.Spec.Containers {
		add(&after.Spec.Containers[i], false)
	}
	return all
}

// ownersOf returns the instance that added each container that is not the pod's own.
func ownersOf(instances []Instance) map[string]string {
	owners := map[string]string{}
	for _, in := range instances {
		if in.Outcome != inject.Injected && in.Outcome != inject.Unchanged {
			continue
		}
		for _, container := range in.Containers {
			owners[container] = cmp.Or(owners[container], in.Name)
		}
	}
	return owners
}

// text returns the state of a container in a few words; counts is true if the READY column counts the
// container.
func (s containerStatus) text(counts bool) string {
	restarts := ""
	if s.RestartCount > 0 {
		restarts = ", " + terminal.Plural(s.RestartCount, "restart")
	}
	if s.Ready && counts {
		return "ready" + restarts
	}
	for _, state := range []string{"waiting", "terminated", "running"} {
		if at, ok := s.State[state]; ok {
			text := state
			if at.Reason != "" {
				text += ": " + at.Reason
			}
			if counts {
				text = "not ready, " + text
			}
			return text + restarts
		}
	}
	if counts {
		return "not ready" + restarts
	}
	return ""
}

// readyFigure returns the READY column as kubectl computes it: ready over all regular containers and native
// sidecars. observed is true if the pod has a status; without one all containers count as ready.
func readyFigure(containers []Container, pod *podFields) (figure string, observed bool) {
	observed = pod.Status.Phase != "" || len(pod.Status.ContainerStatuses) > 0
	all, ready := 0, 0
	for _, c := range containers {
		if c.Counts {
			all++
			if c.ready || !observed {
				ready++
			}
		}
	}
	return fmt.Sprintf("%d/%d", ready, all), observed
}
