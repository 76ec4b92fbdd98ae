package inject

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// checkEnd warns if the pod declined native sidecars and one of the containers in their place reads what the app
// writes: Kubernetes tells all regular containers to end at the same time, so that it can miss what the app
// writes last.
func (t *trial) checkEnd() {
	c := t.candidate
	declined, given := lookup(c.given, nativeParameter)
	if !given || c.native || !c.template.HasSidecars() {
		return
	}
	written := map[string]bool{}
	for i := range t.addition.Kinds() {
		app := t.addition.For(i)
		for m := range app.Mounts {
			if !app.Mounts[m].Object().True("readOnly") {
				written[app.Mounts[m].Name] = true
			}
		}
	}
	for i := range t.addition.Regular {
		container := &t.addition.Regular[i]
		if t.stopped(1, "its containers' ends") {
			return
		}
		if slices.ContainsFunc(container.Mounts, func(m templates.Named) bool {
			return m.Object().True("readOnly") && written[m.Name]
		}) {
			t.warn("container %s is told to end together with the app, and can miss what the app writes from then on. A native sidecar ends after the app: remove %s",
				message.Quote(container.Name), declined.place(t.claims.job.request.Namespace.Name))
			return
		}
	}
}
