package fleet

import "k8s.io/apimachinery/pkg/api/resource"

// changesQuality reports whether changes would give the pod another quality-of-service class, which the API
// server rejects.
func changesQuality(pod object, changes []Change) bool {
	spec := part(pod, "spec")
	if part(spec, "resources") != nil {
		return false // pod-level resources determine the class
	}
	return qualityOf(spec, nil) != qualityOf(spec, changes)
}

// quality is what determines the class: whether each container has limits that are also its requests, and whether any
// container has an amount at all.
type quality struct{ guaranteed, some bool }

// qualityOf returns the quality of a pod after changes.
func qualityOf(spec object, changes []Change) quality {
	q := quality{guaranteed: true}
	for _, field := range []string{"initContainers", "containers"} {
		for _, c := range items(spec, field) {
			for _, name := range resizable() {
				limit, request := amountAfter(changes, c, "limits", name), amountAfter(changes, c, "requests", name)
				q.some = q.some || positive(limit) || positive(request)
				q.guaranteed = q.guaranteed && positive(limit) && (request == "" || request == limit)
			}
		}
	}
	return q
}

// amountAfter returns an amount in a list of a container's resources after changes; "" if there is none.
func amountAfter(changes []Change, c object, list, name string) string {
	after := amount(part(c, "resources", list)[name])
	for _, change := range changes {
		if change.Container == text(c, "name") && change.Field == list+"."+name {
			after = change.To
		}
	}
	return after
}

func positive(amount string) bool {
	q, err := resource.ParseQuantity(amount)
	return err == nil && q.Sign() > 0
}
