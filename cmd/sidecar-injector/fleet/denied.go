package fleet

import apierrors "k8s.io/apimachinery/pkg/api/errors"

// DeniedError reports a permission that the user, or the keeper, lacks. It also reports a user whom the API
// server does not know, because the login is missing or has expired.
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
	what := e.Verb + " " + e.Resource + where + ": " + e.Err.Error()
	if apierrors.IsUnauthorized(e.Err) {
		return "you have to log in to " + what
	}
	return "you may not " + what
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
