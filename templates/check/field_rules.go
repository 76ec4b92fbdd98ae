package check

import (
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates/shape"
)

// fieldRules say what Kubernetes wants of a type beyond the kinds of its fields, as far as
// template authors get it wrong. Its own validation cannot be imported.
type fieldRules struct {
	required []string
	// oneOf lists fields of which at most one may be there; with exactly, one must be.
	oneOf   []string
	exactly bool
	words   map[string][]string
	ports   []string
}

func rulesOf(typeName string) fieldRules {
	switch typeName {
	case "core/v1.Container":
		return fieldRules{required: []string{"name", "image"}, words: map[string][]string{
			"imagePullPolicy":          {"Always", "IfNotPresent", "Never"},
			"terminationMessagePolicy": {"File", "FallbackToLogsOnError"},
			"restartPolicy":            {"Always", "OnFailure", "Never"},
		}}
	case "core/v1.ContainerPort":
		return fieldRules{required: []string{"containerPort"}, ports: []string{"containerPort", "hostPort"},
			words: map[string][]string{"protocol": {"TCP", "UDP", "SCTP"}}}
	case "templates/v1alpha1.Permission":
		return fieldRules{required: []string{"apiGroups", "resources", "verbs"}}
	case "core/v1.EnvVar", "core/v1.LocalObjectReference":
		return fieldRules{required: []string{"name"}}
	case "core/v1.EnvVarSource":
		return fieldRules{exactly: true, oneOf: []string{"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"}}
	case "core/v1.EnvFromSource":
		return fieldRules{exactly: true, oneOf: []string{"configMapRef", "secretRef"}}
	case "core/v1.SecretKeySelector", "core/v1.ConfigMapKeySelector":
		return fieldRules{required: []string{"name", "key"}}
	case "core/v1.FileKeySelector":
		return fieldRules{required: []string{"volumeName", "path", "key"}}
	case "core/v1.ObjectFieldSelector":
		return fieldRules{required: []string{"fieldPath"}}
	case "core/v1.ResourceFieldSelector":
		return fieldRules{required: []string{"resource"}}
	case "core/v1.VolumeMount":
		return fieldRules{required: []string{"name", "mountPath"}, words: map[string][]string{
			"mountPropagation": {"None", "HostToContainer", "Bidirectional"},
		}}
	case "core/v1.VolumeDevice":
		return fieldRules{required: []string{"name", "devicePath"}}
	case "core/v1.Volume":
		sources := slices.DeleteFunc(shape.Template().Volumes.Elem.Names(), func(n string) bool { return n == "name" })
		return fieldRules{required: []string{"name"}, oneOf: sources}
	case "core/v1.SecretVolumeSource":
		return fieldRules{required: []string{"secretName"}}
	case "core/v1.ConfigMapVolumeSource":
		return fieldRules{required: []string{"name"}}
	case "core/v1.PersistentVolumeClaimVolumeSource":
		return fieldRules{required: []string{"claimName"}}
	case "core/v1.HostPathVolumeSource":
		return fieldRules{required: []string{"path"}}
	case "core/v1.DownwardAPIVolumeFile":
		return fieldRules{required: []string{"path"}, exactly: true, oneOf: []string{"fieldRef", "resourceFieldRef"}}
	case "core/v1.KeyToPath":
		return fieldRules{required: []string{"key", "path"}}
	case "core/v1.HostAlias":
		return fieldRules{required: []string{"ip"}}
	case "core/v1.Probe":
		return fieldRules{exactly: true, oneOf: []string{"exec", "httpGet", "tcpSocket", "grpc"}}
	case "core/v1.LifecycleHandler":
		return fieldRules{exactly: true, oneOf: []string{"exec", "httpGet", "tcpSocket", "sleep"}}
	case "core/v1.HTTPGetAction":
		return fieldRules{required: []string{"port"}, ports: []string{"port"}, words: map[string][]string{"scheme": {"HTTP", "HTTPS"}}}
	case "core/v1.TCPSocketAction", "core/v1.GRPCAction":
		return fieldRules{required: []string{"port"}, ports: []string{"port"}}
	case "core/v1.Toleration":
		return fieldRules{words: map[string][]string{
			"operator": {"Exists", "Equal", "Lt", "Gt"}, "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
		}}
	}
	return fieldRules{}
}
