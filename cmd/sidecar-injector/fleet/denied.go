package fleet

// DeniedError reports a permission that the user, or the keeper, lacks.
type DeniedError struct {
	// Namespace is "" if the permission is needed in all namespaces.
	Verb, Resource, Namespace string
	Err                       error
}

func (e *DeniedError) Error() string {
	where := " in namespace " + e.Namespace
	switch {
	case e.Resource == "namespaces":
		where = ""
	case e.Namespace == "":
		where = " in all namespaces"
	}
	return "you may not " + e.Verb + " " + e.Resource + where + ": " + e.Err.Error()
}

func (e *DeniedError) Unwrap() error { return e.Err }

// Group returns the API group of a resource that the fleet's commands use.
func Group(resource string) string {
	switch resource {
	case "deployments", "statefulsets", "daemonsets", "replicasets":
		return "apps"
	case "poddisruptionbudgets":
		return "policy"
	}
	return ""
}
