package fleet

import (
	"fmt"
	"slices"
)

// isDefault reports whether a running pod's value of a field is, or may be, the API server's default
// (pkg/apis/core/v1/defaults.go of Kubernetes 1.37).
func isDefault(field string, value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case object:
		return isEmpty(field, v)
	case list:
		return len(v) == 0
	}
	return slices.Contains(defaultsOf(field), fmt.Sprint(value))
}

// isEmpty reports whether an object contains only defaults.
func isEmpty(field string, o object) bool {
	for name, value := range o {
		if !isDefault(name, value) {
			return false
		}
	}
	return field != "emptyDir" // it is the type of a volume
}

func defaultsOf(field string) []string {
	switch field {
	case "terminationMessagePath":
		return []string{"/dev/termination-log"}
	case "terminationMessagePolicy":
		return []string{"File"}
	case "imagePullPolicy", "pullPolicy":
		// The image's tag decides, unless the admission plugin AlwaysPullImages is enabled.
		return []string{"IfNotPresent", "Always"}
	case "protocol":
		return []string{"TCP"}
	case "scheme":
		return []string{"HTTP"}
	case "path":
		return []string{"/"}
	case "timeoutSeconds", "successThreshold":
		return []string{"1"}
	case "initialDelaySeconds":
		return []string{"0"}
	case "periodSeconds":
		return []string{"10"}
	case "failureThreshold":
		return []string{"3"}
	case "apiVersion":
		return []string{"v1"}
	case "defaultMode":
		return []string{"420"}
	case "expirationSeconds":
		return []string{"3600"}
	case "procMount":
		return []string{"Default"}
	case "divisor":
		return []string{"0"}
	case "recursiveReadOnly":
		return []string{"Disabled"}
	case "mountPropagation":
		return []string{"None"}
	case "iscsiInterface":
		return []string{"default"}
	case "volumeMode":
		return []string{"Filesystem"}
	case "allowPrivilegeEscalation", "runAsNonRoot":
		return nil // without them, the kubelet allows the former, and the pod decides about the latter
	case "cachingMode":
		return []string{"ReadWrite"}
	}
	return []string{"", "false"} // readOnly, optional, stdin, tty, medium, service, subPath
}

// isAmount reports whether a field is a quantity, which can be written in several ways.
func isAmount(field string) bool {
	return slices.Contains([]string{"sizeLimit", "divisor", "storage", "cpu", "memory", "ephemeral-storage"}, field)
}

// tokenPath is the path at which the API server mounts the service account's token.
const tokenPath = "/var/run/secrets/kubernetes.io/serviceaccount"

// untokened returns mounts without that of the token, unless it is wanted; nil if there are no others.
func untokened(mounts, wanted any) any {
	all, ok := mounts.(list)
	token := func(m any) bool {
		mount, _ := m.(object)
		return text(mount, "mountPath") == tokenPath
	}
	if want, _ := wanted.(list); !ok || slices.ContainsFunc(want, token) {
		return mounts
	}
	rest := slices.DeleteFunc(slices.Clone(all), token)
	if len(rest) == 0 {
		return nil
	}
	return rest
}

// hosted returns the ports of a container in its node's network, each with the host's port as the API server
// sets it.
func hosted(ports any) any {
	all, ok := ports.(list)
	if !ok {
		return ports
	}
	after := slices.Clone(all)
	for n, p := range after {
		if port, ok := p.(object); ok && port["hostPort"] == nil {
			after[n] = copied(port)
			after[n].(object)["hostPort"] = port["containerPort"]
		}
	}
	return after
}
