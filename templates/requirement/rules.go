package requirement

import (
	"math"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// rules are the requirements of Kubernetes for a type, beyond the kinds of its fields.
type rules struct {
	// required lists fields that must be present, filled lists that must not be empty.
	required, filled []string
	// oneOf lists fields of which at most one may be present; if exactly is set, one must be.
	oneOf   []string
	exactly bool
	words   map[string][]string
	// ports lists fields with the number or name of a port. The kind of a field that takes only numbers
	// already excludes names.
	ports []string
	// least and most are the minimum and maximum of numbers, by field; in a list, of each item.
	least, most map[string]int64
	// texts are the checks of non-empty texts, by field; in a list, of each item. They return what is wrong.
	texts map[string]func(string) []string
	// also has further rules of the type.
	also func(*checker, object)
}

func rulesOf(s *schema.Schema) rules {
	switch s.Type {
	case "core/v1.Container":
		return rules{required: []string{"name", "image"}, also: container, words: map[string][]string{
			"imagePullPolicy":          {"Always", "IfNotPresent", "Never"},
			"terminationMessagePolicy": {"File", "FallbackToLogsOnError"},
			"restartPolicy":            {"Always", "OnFailure", "Never"},
		}}
	case "core/v1.ContainerPort":
		return rules{required: []string{"containerPort"}, ports: []string{"containerPort", "hostPort"},
			words: map[string][]string{"protocol": {"TCP", "UDP", "SCTP"}}}
	case "core/v1.ContainerResizePolicy":
		return rules{required: []string{"resourceName", "restartPolicy"}, words: map[string][]string{
			"resourceName": {"cpu", "memory"}, "restartPolicy": {"NotRequired", "RestartContainer"},
		}}
	case "core/v1.ResourceRequirements":
		return rules{also: resources}
	case "templates/v1alpha1.Permission":
		return rules{required: []string{"apiGroups", "resources", "verbs"}}
	case "core/v1.EnvVar", "core/v1.LocalObjectReference":
		return rules{required: []string{"name"}}
	case "core/v1.EnvVarSource":
		return rules{exactly: true, oneOf: []string{"fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"}, also: source}
	case "core/v1.EnvFromSource":
		return rules{exactly: true, oneOf: []string{"configMapRef", "secretRef"}, texts: map[string]func(string) []string{"prefix": validation.IsRelaxedEnvVarName}}
	case "core/v1.ConfigMapEnvSource", "core/v1.SecretEnvSource":
		return rules{required: []string{"name"}, texts: map[string]func(string) []string{"name": validation.IsDNS1123Subdomain}}
	case "core/v1.SecretKeySelector", "core/v1.ConfigMapKeySelector":
		return rules{required: []string{"name", "key"}, texts: map[string]func(string) []string{
			"name": validation.IsDNS1123Subdomain, "key": validation.IsConfigMapKey,
		}}
	case "core/v1.FileKeySelector":
		return rules{required: []string{"volumeName", "path", "key"}, texts: map[string]func(string) []string{"path": relative}}
	case "core/v1.ObjectFieldSelector":
		return rules{required: []string{"fieldPath"}, words: map[string][]string{"apiVersion": {"v1"}}, texts: map[string]func(string) []string{"fieldPath": fieldPath}}
	case "core/v1.ResourceFieldSelector":
		return rules{required: []string{"resource"}, texts: map[string]func(string) []string{"resource": resourceField}, also: divisor}
	case "core/v1.VolumeMount":
		return rules{required: []string{"name", "mountPath"}, oneOf: []string{"subPath", "subPathExpr"}, also: mount, words: map[string][]string{
			"mountPropagation": {"None", "HostToContainer", "Bidirectional"}, "recursiveReadOnly": {"Disabled", "IfPossible", "Enabled"},
		}, texts: map[string]func(string) []string{"subPath": relative, "subPathExpr": relative}}
	case "core/v1.VolumeDevice":
		return rules{required: []string{"name", "devicePath"}}
	case "core/v1.HostAlias":
		return rules{required: []string{"ip"}, texts: map[string]func(string) []string{"ip": address, "hostnames": validation.IsDNS1123Subdomain}}
	case "core/v1.PodDNSConfig":
		return rules{texts: map[string]func(string) []string{"nameservers": address, "searches": searchPath}, also: dnsConfig}
	case "core/v1.PodDNSConfigOption":
		return rules{required: []string{"name"}}
	case "core/v1.PodSpec", "partial pod spec":
		return rules{least: map[string]int64{"terminationGracePeriodSeconds": 0}}
	case "core/v1.Probe":
		return rules{exactly: true, oneOf: []string{"exec", "httpGet", "tcpSocket", "grpc"}, least: map[string]int64{
			"initialDelaySeconds": 0, "timeoutSeconds": 0, "periodSeconds": 0, "successThreshold": 0, "failureThreshold": 0, "terminationGracePeriodSeconds": 1,
		}}
	case "core/v1.LifecycleHandler":
		return rules{exactly: true, oneOf: []string{"exec", "httpGet", "tcpSocket", "sleep"}}
	case "core/v1.ExecAction":
		return rules{filled: []string{"command"}}
	case "core/v1.SleepAction":
		return rules{least: map[string]int64{"seconds": 0}}
	case "core/v1.HTTPGetAction":
		return rules{required: []string{"port"}, ports: []string{"port"}, words: map[string][]string{"scheme": {"HTTP", "HTTPS"}}}
	case "core/v1.HTTPHeader":
		return rules{required: []string{"name"}, texts: map[string]func(string) []string{"name": validation.IsHTTPHeaderName}}
	case "core/v1.TCPSocketAction", "core/v1.GRPCAction":
		return rules{required: []string{"port"}, ports: []string{"port"}}
	case "core/v1.SecurityContext":
		return rules{least: map[string]int64{"runAsUser": 0, "runAsGroup": 0}, most: map[string]int64{"runAsUser": math.MaxInt32, "runAsGroup": math.MaxInt32}, also: securityContext,
			words: map[string][]string{"procMount": {"Default", "Unmasked"}}}
	case "core/v1.PodSecurityContext", "partial security context":
		return rules{least: map[string]int64{"fsGroup": 0, "supplementalGroups": 0}, most: map[string]int64{"fsGroup": math.MaxInt32, "supplementalGroups": math.MaxInt32}}
	case "core/v1.SeccompProfile", "core/v1.AppArmorProfile":
		return rules{required: []string{"type"}, words: map[string][]string{"type": {"RuntimeDefault", "Unconfined", "Localhost"}},
			texts: map[string]func(string) []string{"localhostProfile": relative}, also: profile}
	case "core/v1.Toleration":
		return rules{words: map[string][]string{
			"operator": {"Exists", "Equal", "Lt", "Gt"}, "effect": {"NoSchedule", "PreferNoSchedule", "NoExecute"},
		}, texts: map[string]func(string) []string{"key": validation.IsQualifiedName}, also: toleration}
	case "core/v1.Lifecycle":
		return rules{texts: map[string]func(string) []string{"stopSignal": signal}}
	}
	return volumeRulesOf(s)
}
