package templates

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
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
		var sources []string
		if volumes, ok := member(schema.Pod(), "spec").Field("volumes"); ok {
			sources = slices.DeleteFunc(volumes.Schema.Elem.Names(), func(n string) bool { return n == "name" })
		}
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

// fields applies the rules to a value and all within it.
func (c *resultCheck) fields(value any, s *schema.Schema, at *schema.Path) {
	switch v := value.(type) {
	case []any:
		for i, item := range v {
			if s.Elem != nil {
				c.fields(item, s.Elem, at.Item(i))
			}
		}
	case Object:
		if s.Kind == schema.Object && v != nil {
			c.object(v, rulesOf(s.Type), at)
		}
		for _, m := range v {
			if s.Kind == schema.Map {
				c.fields(m.Value, s.Elem, at.Member(m.Name))
			} else if f, ok := s.Field(m.Name); ok {
				c.fields(m.Value, f.Schema, at.Member(m.Name))
			}
		}
	}
}

func (c *resultCheck) object(o Object, rules fieldRules, at *schema.Path) {
	for _, name := range rules.required {
		if v, _ := o.Get(name); (v == nil || v == "") && !c.incomplete {
			c.fault(at, MissingField, "", "%s is missing", name)
		}
	}
	if rules.oneOf != nil {
		var there []string
		for _, m := range o {
			if slices.Contains(rules.oneOf, m.Name) {
				there = append(there, m.Name)
			}
		}
		switch {
		case len(there) > 1:
			c.fault(at, BadValue, "keep one of them", "%s and %s exclude each other", there[0], there[1])
		case len(there) == 0 && rules.exactly && !c.incomplete:
			c.fault(at, MissingField, "", "want one of %s", list(rules.oneOf))
		}
	}
	for _, m := range o {
		here := at.Member(m.Name)
		if words := rules.words[m.Name]; words != nil {
			if text, _ := m.Value.(string); text != "" && !slices.Contains(words, text) {
				c.fault(here, BadValue, oneOf(text, words), "%s is not known", Quote(text))
			}
		}
		if slices.Contains(rules.ports, m.Name) {
			c.port(m.Value, m.Name == "hostPort", here)
		}
	}
}

func (c *resultCheck) port(value any, zero bool, at *schema.Path) {
	switch v := value.(type) {
	case int64:
		if faults := validation.IsValidPortNum(int(v)); len(faults) > 0 && !(zero && v == 0) {
			c.fault(at, BadValue, faults[0], "%d is no port", v)
		}
	case string:
		if faults := validation.IsValidPortName(v); len(faults) > 0 {
			c.fault(at, BadValue, faults[0], "%s is no name of a port", Quote(v))
		}
	default:
		c.fault(at, BadValue, "", "%s is no port", fmt.Sprint(v))
	}
}
