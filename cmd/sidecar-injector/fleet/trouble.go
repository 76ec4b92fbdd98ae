package fleet

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/resource"
)

// troubles sets Trouble of sidecars with containers that do not run or are not ready.
func (j *judgement) troubles() {
	status := part(j.running, "status")
	statuses := slices.Concat(items(status, "initContainerStatuses"), items(status, "containerStatuses"))
	for n := range j.standing.Instances {
		i := &j.standing.Instances[n]
		e, there := j.has(i.Name)
		if !there {
			continue
		}
		for _, name := range e.ContainerNames() {
			if s := named(statuses, name); s != nil && i.Trouble == "" {
				i.Trouble = Trouble(s, slices.Contains(e.InitContainers, name))
			}
		}
	}
}

// Trouble returns why a container is not healthy, by its status; "" if it is healthy or not due to start
// yet. If ends is set, the container is expected to end, and is healthy when it has succeeded.
func Trouble(status map[string]any, ends bool) string {
	if waiting := part(status, "state", "waiting"); waiting != nil {
		switch reason := text(waiting, "reason"); reason {
		case "PodInitializing", "ContainerCreating":
			return ""
		default:
			return reason
		}
	}
	if ended := part(status, "state", "terminated"); ended != nil {
		if code, _ := ended["exitCode"].(int64); ends && code == 0 {
			return ""
		}
		return text(ended, "reason")
	}
	running := part(status, "state", "running") != nil
	ready, _ := status["ready"].(bool)
	started, _ := status["started"].(bool)
	if running && started && !ready && !ends {
		return "NotReady"
	}
	return ""
}

// changesQuality reports whether changes would give the pod another quality-of-service class, which the API
// server rejects.
func changesQuality(pod object, changes []Change) bool {
	spec := part(pod, "spec")
	if part(spec, "resources") != nil {
		return false // pod-level resources determine the class
	}
	amounts := func(changed bool) (guaranteed, any bool) {
		guaranteed = true
		for _, field := range []string{"initContainers", "containers"} {
			for _, c := range items(spec, field) {
				for _, name := range resizable() {
					limit, request := amount(part(c, "resources", "limits")[name]), amount(part(c, "resources", "requests")[name])
					for _, change := range changes {
						switch {
						case !changed || change.Container != text(c, "name"):
						case change.Field == "limits."+name:
							limit = change.To
						case change.Field == "requests."+name:
							request = change.To
						}
					}
					any = any || positive(limit) || positive(request)
					guaranteed = guaranteed && positive(limit) && (request == "" || request == limit)
				}
			}
		}
		return guaranteed, any
	}
	guaranteed, some := amounts(false)
	guaranteedThen, someThen := amounts(true)
	return guaranteed != guaranteedThen || some != someThen
}

func positive(amount string) bool {
	q, err := resource.ParseQuantity(amount)
	return err == nil && q.Sign() > 0
}
