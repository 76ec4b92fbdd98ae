package fleet

import (
	"fmt"
	"slices"
	"time"
)

const (
	// slow is how long a container may take to be created, or to start: pulling an image, mounting volumes
	// and starting a sidecar usually take less.
	slow = time.Minute
	// forgotten is how long a container has to run before the kubelet counts its crashes anew
	// (MaxContainerBackOff of Kubernetes 1.37, twice).
	forgotten = 10 * time.Minute
	// loop is the number of restarts from which on crashes count as repeated.
	loop = 2
)

// troubles sets Trouble of sidecars with containers that do not run or are not ready.
func (j *judgement) troubles() {
	containers := j.containers()
	for n := range j.standing.Instances {
		i := &j.standing.Instances[n]
		e, there := j.has(i.Name)
		if !there {
			continue
		}
		for n := range containers {
			if c := &containers[n]; i.Trouble == "" && c.status != nil && slices.Contains(e.ContainerNames(), c.name) {
				i.Trouble = j.trouble(c, containers[:n])
			}
		}
	}
}

// container is a container of a pod as the kubelet last reported it.
type container struct {
	name         string
	init         bool
	spec, status object
	// policy is what is done when it ends: Always, OnFailure or Never.
	policy string
}

// containers returns the pod's containers in the order of their start; status is nil if there is none.
func (j *judgement) containers() []container {
	var all []container
	spec, status := part(j.running, "spec"), part(j.running, "status")
	for _, field := range []string{"initContainers", "containers"} {
		statuses := items(status, map[string]string{"initContainers": "initContainerStatuses", "containers": "containerStatuses"}[field])
		for _, s := range items(spec, field) {
			c := container{name: text(s, "name"), init: field == "initContainers", spec: s, status: named(statuses, text(s, "name"))}
			switch c.policy = text(s, "restartPolicy"); {
			case c.policy != "":
			case text(spec, "restartPolicy") == "":
				c.policy = "Always"
			default:
				c.policy = text(spec, "restartPolicy")
			}
			if c.init && c.policy == "Always" && text(s, "restartPolicy") == "" {
				c.policy = "OnFailure"
			}
			all = append(all, c)
		}
	}
	return all
}

// ends reports whether it is an init container that has to end before the app starts.
func (c *container) ends() bool { return c.init && c.policy != "Always" }

// over reports whether it has ended and will not be restarted.
func (c *container) over() bool {
	ended := part(c.status, "state", "terminated")
	return ended != nil && (c.policy == "Never" || c.policy == "OnFailure" && ended["exitCode"] == int64(0))
}

// through reports whether it has come so far that the containers after it may start.
func (c *container) through() bool {
	switch {
	case !c.init:
		return true
	case c.ends():
		return part(c.status, "state", "terminated")["exitCode"] == int64(0)
	}
	return c.status["started"] == true
}

// restarts returns the number of restarts, and how the last run ended; nil if that is not known.
func (c *container) restarts() (n int64, last object) {
	n, _ = c.status["restartCount"].(int64)
	return n, part(c.status, "lastState", "terminated")
}

// end describes how a container ended.
func end(terminated object) string {
	code, _ := terminated["exitCode"].(int64)
	return fmt.Sprintf("%s, exit code %d", text(terminated, "reason"), code)
}

// crashed reports whether a container ended by itself, and not well. One that is stopped, for another image
// or by a failing probe, ends by SIGTERM or SIGKILL.
func crashed(terminated object) bool {
	code, _ := terminated["exitCode"].(int64)
	return code != 0 && code != 128+15 && (code != 128+9 || text(terminated, "reason") == "OOMKilled")
}

// trouble returns why a container is not healthy; "" if it is healthy or not due to start yet. before are
// the containers that start before it.
func (j *judgement) trouble(c *container, before []container) string {
	switch {
	case part(c.status, "state", "terminated") != nil:
		ended := part(c.status, "state", "terminated")
		if c.over() && ended["exitCode"] == int64(0) || j.ending() {
			return ""
		}
		return end(ended)
	case part(c.status, "state", "running") != nil:
		return j.runs(c)
	}
	return j.waits(c, before)
}

// ending reports whether all of the app's containers have ended for good, so that sidecars are stopped.
func (j *judgement) ending() bool {
	return !slices.ContainsFunc(j.containers(), func(c container) bool { return !c.init && !c.over() })
}

// runs returns the trouble of a running container.
func (j *judgement) runs(c *container) string {
	n, last := c.restarts()
	begun := when(part(c.status, "state", "running"), "startedAt")
	recent := begun.IsZero() || j.Now.Sub(begun) < forgotten
	restarted := fmt.Sprintf("%d restarts", n)
	if n == 1 {
		restarted = "1 restart"
	}
	if last != nil {
		restarted += ": " + end(last)
	}
	ready, started := c.status["ready"] == true, c.status["started"] == true
	switch {
	case c.ends() && n > 0:
		return restarted
	case c.ends():
		return ""
	case ready && n >= loop && !begun.IsZero() && recent && crashed(last):
		return restarted
	case ready:
		return ""
	case n > 0 && (recent || !started):
		return "not ready after " + restarted
	case started:
		return "NotReady"
	case j.late(begun):
		return "not started for " + j.since(begun)
	}
	return ""
}

// waits returns the trouble of a container that is not created.
func (j *judgement) waits(c *container, before []container) string {
	reason := text(part(c.status, "state", "waiting"), "reason")
	if reason != "" && reason != "PodInitializing" && reason != "ContainerCreating" {
		if _, last := c.restarts(); last != nil && reason == "CrashLoopBackOff" {
			reason += ": " + end(last)
		}
		return reason
	}
	prepared := j.condition("PodReadyToStartContainers")
	if text(prepared, "status") != "False" && slices.ContainsFunc(before, func(b container) bool { return b.init && !b.through() }) {
		return "" // its turn has not come
	}
	if begun := j.due(c, before); j.late(begun) {
		return "ContainerCreating for " + j.since(begun) + ": see kubectl describe pod"
	}
	return ""
}

// due returns since when a container could have been created, as far as it is known.
func (j *judgement) due(c *container, before []container) time.Time {
	scheduled := j.condition("PodScheduled")
	if text(scheduled, "status") != "True" {
		return time.Time{}
	}
	_, last := c.restarts()
	all := []time.Time{when(scheduled, "lastTransitionTime"), when(last, "finishedAt")}
	if !c.init {
		all = append(all, when(j.condition("Initialized"), "lastTransitionTime"))
	}
	for _, b := range before {
		all = append(all, when(part(b.status, "state", "terminated"), "finishedAt"), when(part(b.status, "state", "running"), "startedAt"))
	}
	return slices.MaxFunc(all, time.Time.Compare)
}

// condition returns a condition of the pod; nil if it lacks.
func (j *judgement) condition(name string) object {
	for _, c := range items(part(j.running, "status"), "conditions") {
		if text(c, "type") == name {
			return c
		}
	}
	return nil
}

// when returns the time in a field; the zero time if there is none.
func when(o object, field string) time.Time {
	t, err := time.Parse(time.RFC3339, text(o, field))
	if err != nil {
		return time.Time{}
	}
	return t
}

// late reports whether what has begun takes longer than it usually does.
func (j *judgement) late(begun time.Time) bool {
	return !begun.IsZero() && j.Now.Sub(begun) > slow
}

// since returns how long ago something was. It is coarse, so that a row that shows it does not change all
// the time.
func (j *judgement) since(begun time.Time) string {
	switch ago := j.Now.Sub(begun); {
	case ago < 10*time.Minute:
		return fmt.Sprintf("%dm", ago/time.Minute)
	case ago < time.Hour:
		return fmt.Sprintf("%dm", ago/(10*time.Minute)*10)
	case ago < 48*time.Hour:
		return fmt.Sprintf("%dh", ago/time.Hour)
	default:
		return fmt.Sprintf("%dd", ago/(24*time.Hour))
	}
}
