package fleet

import "k8s.io/apimachinery/pkg/api/resource"

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
