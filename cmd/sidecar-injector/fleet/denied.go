package fleet

// DeniedError is a right that whoever works on the fleet lacks.
type DeniedError struct {
	// Namespace is "" where the right has to hold in all of them.
	Verb, Resource, Namespace string
	Err                       error
}

func (e *DeniedError) Error() string {
	where := "in namespace " + e.Namespace
	if e.Namespace == "" {
		where = "in all namespaces"
	}
	return "you may not " + e.Verb + " " + e.Resource + " " + where + ": " + e.Err.Error()
}

func (e *DeniedError) Unwrap() error { return e.Err }

// Group is the API group of a resource that the fleet is worked on by.
func Group(resource string) string {
	switch resource {
	case "deployments", "statefulsets", "daemonsets", "replicasets":
		return "apps"
	case "poddisruptionbudgets":
		return "policy"
	}
	return ""
}
