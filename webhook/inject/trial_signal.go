package inject

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/release"
)

const stopSignal = "stopSignal"

// checkSignals warns of a stopSignal in a pod without os.name. An API server that has the field refuses the
// pod; one whose feature gate is off drops the field.
func (t *trial) checkSignals() {
	if t.pod().spec.OS != "" {
		return
	}
	kubernetes := t.claims.job.settings.Kubernetes
	if lacking, found := release.Find(kubernetes, "core/v1.Lifecycle", stopSignal, nil); found && lacking.Lacks(kubernetes) {
		return
	}
	if name := t.signalled(); name != "" {
		t.warn("container %s gets a %s, and the pod names no operating system: an API server that has this field refuses the pod. Add os: {name: linux} to its spec",
			message.Quote(name), stopSignal)
	}
}

// signalled returns the name of a container that gets a stopSignal; "" if none does.
func (t *trial) signalled() string {
	for c := range containersOf(t.addition) {
		if c.Object().Object("lifecycle").Text(stopSignal) != "" {
			return c.Name
		}
	}
	for i := range t.plan.targets {
		if p := &t.plan.targets[i]; slices.ContainsFunc(p.lifecycle, func(h *templates.Named) bool { return h.Name == stopSignal }) {
			return p.view.Name
		}
	}
	return ""
}
