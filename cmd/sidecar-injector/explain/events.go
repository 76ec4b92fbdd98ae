package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// Event is a warning that the cluster has given about a pod.
type Event struct {
	// PodUID is that of the pod. A StatefulSet gives the names of its pods to others.
	PodUID string
	// Container is the container that the event is about; "" for the pod as a whole.
	Container string
	Reason    string
	Message   string
}

// WantsEvents reports whether events may tell more: a container of the existing pod is not ready.
func (e *Explanation) WantsEvents() bool {
	return e.Live && slices.ContainsFunc(e.Containers, func(c Container) bool { return c.Counts && !c.ready })
}

// AddEvents adds what the cluster has said, in the order of time: the last failure of a probe, or why
// containers cannot be created, of each sidecar for which nothing else tells it; and that the pod was evicted.
func (e *Explanation) AddEvents(events []Event) {
	for _, event := range events {
		if event.PodUID != e.uid {
			continue
		}
		text := inject.OneLine(strings.TrimSpace(event.Message), maxSaid)
		if event.Container == "" && event.Reason == evicted {
			e.endedByCluster(evicted, text)
			continue
		}
		for i := range e.Containers {
			c := &e.Containers[i]
			switch t := c.Trouble; {
			case t == nil || c.ready:
			case t.unprepared && slices.Contains(unpreparedReasons(), event.Reason), t.silent && event.Container == c.Name && event.Reason == "Unhealthy":
				t.Says = text
			}
		}
	}
}

// unpreparedReasons are the kubelet's reasons why the containers of a pod cannot be created yet. Other warnings about
// the pod are older, such as that it found no node, or keep nothing from starting.
func unpreparedReasons() []string {
	return []string{"FailedMount", "FailedMapVolume", "FailedAttachVolume", "FailedCreatePodSandBox"}
}

// evicted is the kubelet's reason for a pod that it ends because of what it uses.
const evicted = "Evicted"

// endedByCluster adds, once, that something other than its containers ended the pod. The status of a pod whose
// containers all ended well does not keep it.
func (e *Explanation) endedByCluster(reason, message string) {
	if e.ended {
		return
	}
	e.ended = true
	text := "the cluster has ended the pod (" + reason + ")"
	if message != "" {
		text = fmt.Sprintf("%s: %s", text, message)
	}
	e.Warnings = append(e.Warnings, text)
}
