package templates

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// result checks what one rendering adds, as far as it can be judged without the pod.
func (c *resultCheck) result(out *Rendered) {
	pod, app := specPath().Member("pod"), specPath().Member("app")
	c.fields(out.Pod, shape().pod, pod)
	c.fields(out.App, shape().app, app)
	c.metadata(out.Pod.Object("metadata"), pod.Member("metadata"))

	at := pod.Member("spec")
	spec := out.Pod.Object("spec")
	volumes := c.volumes(spec.List("volumes"), at.Member("volumes"))
	r := &podResult{resultCheck: c, volumes: volumes, names: map[string]bool{}, ports: map[string]string{}, hostPorts: map[string]bool{}}
	for _, field := range []string{"initContainers", "containers"} {
		for i, item := range spec.List(field) {
			container, _ := item.(Object)
			r.container(container, field == "initContainers", at.Member(field).Item(i))
		}
	}
	r.mounts(out.App, app)
	r.env(out.App, app)
}

// metadata checks the keys and values of labels and annotations.
func (c *resultCheck) metadata(metadata Object, at *schema.Path) {
	for _, field := range []string{"labels", "annotations"} {
		for _, m := range metadata.Object(field) {
			here := at.Member(field).Member(m.Name)
			key := m.Name
			if field == "annotations" {
				key = strings.ToLower(key)
			}
			if faults := validation.IsQualifiedName(key); len(faults) > 0 {
				c.fault(here, BadName, faults[0], "%s is no key", Quote(m.Name))
			}
			value, _ := m.Value.(string)
			if field == "labels" {
				if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
					c.fault(here, BadValue, faults[0], "%s is no value of a label", Quote(value))
				}
			}
		}
	}
}

func (c *resultCheck) volumes(items []any, at *schema.Path) map[string]bool {
	names := map[string]bool{}
	for i, item := range items {
		volume, _ := item.(Object)
		name := volume.Text("name")
		if name == "" {
			continue // reported as missing
		}
		here := at.Item(i).Member("name")
		switch {
		case strings.HasPrefix(name, reservedVolume):
			c.fault(here, ReservedName, "", "volume %s belongs to Kubernetes, which makes it itself", Quote(name))
		case names[name]:
			c.fault(here, DuplicateName, "", "volume %s is there twice", Quote(name))
		default:
			c.name(name, "a volume", here)
		}
		names[name] = true
	}
	return names
}

// name checks that a text is a DNS label.
func (c *resultCheck) name(name, whose string, at *schema.Path) {
	if validContainer(name) {
		return
	}
	hint := "lower-case letters, digits and - only"
	if len(name) > validation.DNS1123LabelMaxLength {
		hint = fmt.Sprintf("it has %d characters, at most 63 are allowed", len(name))
	}
	c.fault(at, BadName, hint, "%s cannot name %s", Quote(name), whose)
}

// podResult is what the containers of one rendering have in common.
type podResult struct {
	*resultCheck
	volumes map[string]bool
	// volumeNames are the same, sorted, once one of them is missed.
	volumeNames []string
	names       map[string]bool
	ports       map[string]string // 8080/TCP to the container's name
	hostPorts   map[string]bool
}

func (r *podResult) container(o Object, init bool, at *schema.Path) {
	name := o.Text("name")
	if name != "" {
		if r.names[name] {
			r.fault(at.Member("name"), DuplicateName, "", "container %s is there twice", Quote(name))
		} else {
			r.name(name, "a container", at.Member("name"))
		}
		r.names[name] = true
	}
	if init && o.Text("restartPolicy") != "Always" {
		for _, field := range []string{"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} {
			if _, there := o.Get(field); there {
				r.fault(at.Member(field), FieldNotAllowed, "set restartPolicy: Always, or drop the field", "an init container that is no sidecar has no %s", field)
			}
		}
	}
	if !init && o.Text("restartPolicy") == "Always" {
		r.fault(at.Member("restartPolicy"), FieldNotAllowed, "a native sidecar stands in initContainers", "restartPolicy: Always makes no sense among the containers")
	}
	r.portsOf(o, name, at)
	r.mounts(o, at)
	r.env(o, at)
	r.resources(o, at)
}

func (r *podResult) portsOf(o Object, container string, at *schema.Path) {
	names := map[string]bool{}
	for i, item := range o.List("ports") {
		port, _ := item.(Object)
		here := at.Member("ports").Item(i)
		protocol := port.Text("protocol")
		if protocol == "" {
			protocol = "TCP"
		}
		if number, ok := port.Get("containerPort"); ok {
			key := fmt.Sprintf("%v/%s", number, protocol)
			if other, taken := r.ports[key]; taken {
				r.fault(here, PortClash, "containers of a pod share one network; choose another port", "port %s is taken by container %s", key, Quote(other))
			}
			r.ports[key] = container
		}
		if number, ok := port.Get("hostPort"); ok && number != int64(0) {
			key := fmt.Sprintf("%v/%s", number, protocol)
			if r.hostPorts[key] {
				r.fault(here.Member("hostPort"), PortClash, "", "host port %s is there twice", key)
			}
			r.hostPorts[key] = true
		}
		name := port.Text("name")
		if name == "" {
			continue
		}
		if names[name] {
			r.fault(here.Member("name"), DuplicateName, "", "port %s is there twice", Quote(name))
		} else if faults := validation.IsValidPortName(name); len(faults) > 0 {
			r.fault(here.Member("name"), BadName, faults[0], "%s cannot name a port", Quote(name))
		}
		names[name] = true
	}
}

// mounts checks the volumeMounts and volumeDevices of a container or the app.
func (r *podResult) mounts(o Object, at *schema.Path) {
	paths := map[string]bool{}
	for _, field := range []struct{ list, path string }{{"volumeMounts", "mountPath"}, {"volumeDevices", "devicePath"}} {
		for i, item := range o.List(field.list) {
			mount, _ := item.(Object)
			here := at.Member(field.list).Item(i)
			r.mounted(mount.Text("name"), here.Member("name"))
			target := mount.Text(field.path)
			if target == "" {
				continue
			}
			if strings.Contains(target, ":") {
				r.fault(here.Member(field.path), BadValue, "", "path %s has a colon", Quote(target))
			}
			clean := path.Clean(target)
			if paths[clean] {
				r.fault(here.Member(field.path), DuplicateMountPath, "", "path %s is mounted twice in this container", Quote(clean))
			}
			paths[clean] = true
			if sub := mount.Text("subPath"); strings.HasPrefix(sub, "/") || hasParent(sub) {
				r.fault(here.Member("subPath"), BadValue, "", "path %s must be relative and without ..", Quote(sub))
			}
		}
	}
}

// mounted looks for the volume of a mount. A name that depends on more than instance
// and index is looked for in the pod, when there is one.
func (r *podResult) mounted(name string, at *schema.Path) {
	if name == "" || r.volumes[name] {
		return
	}
	if strings.HasPrefix(name, reservedVolume) {
		r.fault(at, ReservedName, "Kubernetes mounts it itself", "volume %s belongs to Kubernetes", Quote(name))
		return
	}
	if r.full() || r.incomplete || r.dependent(at) {
		return
	}
	hint := "add it to spec.pod.spec.volumes"
	if r.volumeNames == nil {
		r.volumeNames = slices.Sorted(maps.Keys(r.volumes))
	}
	if near := Nearest(name, r.volumeNames); near != "" {
		hint = "did you mean " + shown(near) + "?"
	}
	r.fault(at, MountWithoutVolume, hint, "the template has no volume %s", Quote(name))
}

// dependent says whether the value at a path of the result came from an expression
// that reads parameters, the app or the pod.
func (r *podResult) dependent(at *schema.Path) bool {
	where := r.placeOf(at)
	n := r.trace.nodes[where]
	if n == nil {
		return false
	}
	return n.uses().FromOutside()
}

func (r *podResult) env(o Object, at *schema.Path) {
	names := map[string]bool{}
	for i, item := range o.List("env") {
		variable, _ := item.(Object)
		here := at.Member("env").Item(i)
		name := variable.Text("name")
		if name == "" {
			continue
		}
		if names[name] {
			r.fault(here.Member("name"), DuplicateName, "", "variable %s is there twice", Quote(name))
		} else if faults := validation.IsRelaxedEnvVarName(name); len(faults) > 0 {
			r.fault(here.Member("name"), BadName, faults[0], "%s cannot name a variable", Quote(name))
		}
		names[name] = true
		if value, ok := variable.Get("value"); ok && value != "" {
			if _, both := variable.Get("valueFrom"); both {
				r.fault(here, BadValue, "keep one of them", "variable %s has value and valueFrom", Quote(name))
			}
		}
	}
}

// resources wants requests for cpu and memory, none above its limit.
func (r *podResult) resources(o Object, at *schema.Path) {
	resources := o.Object("resources")
	requests, limits := resources.Object("requests"), resources.Object("limits")
	var missing []string
	for _, name := range []string{"cpu", "memory"} {
		_, requested := requests.Get(name)
		// Kubernetes takes the limit where there is no request.
		if _, limited := limits.Get(name); !requested && !limited {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 && !r.incomplete {
		r.finding(SeverityWarning, at, MissingRequests, "set resources.requests",
			fmt.Sprintf("container %s requests no %s", Quote(o.Text("name")), strings.Join(missing, " and no ")))
	}
	most := make(map[string]any, len(limits))
	for _, m := range limits {
		most[m.Name] = m.Value
	}
	for _, m := range requests {
		limit, ok := most[m.Name]
		if !ok {
			continue
		}
		if quantity(scalarOf(m.Value)).Cmp(*quantity(scalarOf(limit))) > 0 {
			r.fault(at.Member("resources").Member("requests").Member(m.Name), BadValue, "",
				"request %s is above the limit %s", Quote(scalarOf(m.Value)), Quote(scalarOf(limit)))
		}
	}
}

// scalarOf is a string or number as text.
func scalarOf(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(AppendJSON(nil, v))
}
