package fleet

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/webhook/inject"
)

// difference is one difference between a running pod and a new one.
type difference struct {
	// container or volume is the injected part that has the difference; both are "" if it is elsewhere.
	container, volume string
	init              bool
	// field is its path within that part.
	field string
	// change is set if the API server may be able to change it in a running pod.
	change *Change
}

func (d *difference) String() string {
	switch {
	case d.container != "":
		return strings.TrimSuffix("container "+message.Quote(d.container)+": "+d.field, ": ")
	case d.volume != "":
		return strings.TrimSuffix("volume "+message.Quote(d.volume)+": "+d.field, ": ")
	}
	return d.field
}

// comparison compares a new pod with a running one.
type comparison struct {
	// kin reports whether a part of both comes from the same revision with the same parameters. Anything
	// that the running pod then has beyond the template was added by something else, such as a LimitRange
	// or another webhook.
	kin func(part string) bool
	// host is true if the pod uses the network of its node.
	host  bool
	found []difference
}

// containers compares the injected containers, which are listed in ours.
func (c *comparison) containers(field string, want, running object, ours map[string]string) {
	now := items(running, field)
	var order, orderNow []string
	for _, w := range items(want, field) {
		name := text(w, "name")
		if ours[name] == "" {
			continue
		}
		order = append(order, name)
		at := difference{container: name, init: field == "initContainers"}
		has := named(now, name)
		if has == nil {
			at.field = "is not there"
			c.found = append(c.found, at)
			continue
		}
		c.container(at, w, has)
	}
	for _, n := range now {
		name := text(n, "name")
		if ours[name] == "" {
			continue
		}
		if named(items(want, field), name) == nil {
			c.found = append(c.found, difference{container: name, init: field == "initContainers", field: "has gone from the template"})
			continue
		}
		orderNow = append(orderNow, name)
	}
	if len(order) == len(orderNow) && !slices.Equal(order, orderNow) {
		c.found = append(c.found, difference{container: orderNow[0], init: field == "initContainers", field: "has another place"})
	}
}

// container compares one injected container field by field.
func (c *comparison) container(at difference, want, running object) {
	kin := c.kin(at.container)
	for _, field := range keys(want, running) {
		w, r := want[field], running[field]
		at.field = field
		switch field {
		case "image":
			if w != r {
				d := at
				d.change = &Change{Container: at.container, Init: at.init, Field: field, From: text(running, field), To: text(want, field)}
				c.found = append(c.found, d)
			}
			continue
		case "resources":
			c.resources(at, part(want, field), part(running, field), kin)
			continue
		case "volumeMounts":
			r = untokened(r, w) // the API server mounts the service account's token
		case "ports":
			if c.host { // the API server gives each port of the container the same one of the host
				w, r = hosted(w), hosted(r)
			}
		}
		c.value(at, field, w, r, kin)
	}
}

// resizable returns the resources that pods/resize can change.
func resizable() []string { return []string{"cpu", "memory"} }

// resources compares requests and limits by amount. A request that only repeats the limit is the API
// server's default.
func (c *comparison) resources(at difference, want, running object, kin bool) {
	for _, list := range []string{"limits", "requests"} {
		w, r := part(want, list), part(running, list)
		for _, name := range keys(w, r) {
			to, from := w[name], r[name]
			if to == nil && list == "requests" {
				to = part(want, "limits")[name]
			}
			if sameAmount(to, from) || to == nil && kin {
				continue
			}
			d := at
			d.field = "resources." + list + "." + name
			if to != nil && slices.Contains(resizable(), name) {
				d.change = &Change{Container: at.container, Init: at.init, Field: list + "." + name, From: amount(from), To: amount(to)}
			}
			c.found = append(c.found, d)
		}
	}
	for _, name := range keys(want, running) {
		if name != "limits" && name != "requests" {
			d := at
			d.field = "resources." + name
			c.value(d, name, want[name], running[name], kin)
		}
	}
}

func amount(v any) string {
	if v == nil {
		return ""
	}
	q, err := resource.ParseQuantity(fmt.Sprint(v))
	if err != nil {
		return fmt.Sprint(v)
	}
	return q.String()
}

func sameAmount(a, b any) bool {
	return a == nil && b == nil || a != nil && b != nil && amount(a) == amount(b)
}

// value compares one value, after the API server's defaults. What the running pod has beyond the template
// is a difference only if kin is false.
func (c *comparison) value(at difference, name string, want, running any, kin bool) {
	if !equal(name, want, running, kin) {
		c.found = append(c.found, at)
	}
}

// equal reports whether a value of a running pod is what the template states.
func equal(field string, want, running any, kin bool) bool {
	if want == nil {
		return running == nil || kin || isDefault(field, running)
	}
	switch want := want.(type) {
	case object:
		has, ok := running.(object)
		if !ok {
			return running == nil && isEmpty(field, want)
		}
		for _, name := range keys(want, has) {
			if !equal(name, want[name], has[name], kin) {
				return false
			}
		}
		return true
	case list:
		has, ok := running.(list)
		if !ok {
			return running == nil && len(want) == 0
		}
		return equalLists(field, want, has, kin)
	}
	if running == nil {
		return isDefault(field, want)
	}
	if reflect.DeepEqual(want, running) {
		return true
	}
	return isAmount(field) && sameAmount(want, running)
}

// equalLists compares lists. Items of known lists are found by their key, because other programs may have
// added items to a running pod; other lists are compared by index.
func equalLists(field string, want, has list, kin bool) bool {
	if len(has) < len(want) || len(has) > len(want) && !kin {
		return false
	}
	key := map[string]string{"env": "name", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}[field]
	for i, w := range want {
		wanted, ok := w.(object)
		if !ok || key == "" {
			if !equal(field, w, has[i], kin) {
				return false
			}
			continue
		}
		// Several variables may have one name.
		if !slices.ContainsFunc(has, func(item any) bool {
			o, ok := item.(object)
			return ok && reflect.DeepEqual(o[key], wanted[key]) && equal(field, w, item, kin)
		}) {
			return false
		}
	}
	return true
}

// volumes compares the injected volumes, which are listed in ours.
func (c *comparison) volumes(want, running object, ours map[string]string) {
	now := items(running, "volumes")
	for _, w := range items(want, "volumes") {
		name := text(w, "name")
		if ours[name] == "" {
			continue
		}
		at := difference{volume: name}
		has := named(now, name)
		if has == nil {
			at.field = "is not there"
			c.found = append(c.found, at)
			continue
		}
		if len(w) == 1 { // a volume without a source is an emptyDir
			w = object{"name": name, "emptyDir": object{}}
		}
		c.value(at, "", w, has, c.kin(""))
	}
	for _, n := range now {
		if name := text(n, "name"); ours[name] != "" && named(items(want, "volumes"), name) == nil {
			c.found = append(c.found, difference{volume: name, field: "has gone from the template"})
		}
	}
}

// others compares what templates add to the app's containers and to the pod itself. Anything beyond that is
// the app's own.
func (c *comparison) others(want, running object, ours map[string]string) {
	for _, field := range []string{"initContainers", "containers"} {
		now := items(part(running, "spec"), field)
		for _, w := range items(part(want, "spec"), field) {
			name := text(w, "name")
			has := named(now, name)
			if ours[name] != "" || has == nil {
				continue
			}
			for _, member := range keys(w, has) {
				at := difference{field: fmt.Sprintf("what container %s gets: %s", message.Quote(name), member)}
				c.value(at, member, w[member], has[member], true)
			}
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		w, r := part(want, "metadata", field), part(running, "metadata", field)
		for _, key := range slices.Sorted(maps.Keys(w)) {
			if !reflect.DeepEqual(w[key], r[key]) && !bookkeeping(key) {
				c.found = append(c.found, difference{field: fmt.Sprintf("metadata.%s[%q]", field, key)})
			}
		}
	}
	w, r := part(want, "spec"), part(running, "spec")
	for _, field := range []string{"terminationGracePeriodSeconds", "shareProcessNamespace", "dnsConfig", "securityContext", "imagePullSecrets", "hostAliases", "tolerations"} {
		if w[field] != nil {
			c.value(difference{field: "spec." + field}, field, w[field], r[field], true)
		}
	}
}

// bookkeeping reports whether an annotation only repeats what is compared elsewhere.
func bookkeeping(key string) bool {
	return key == inject.StatusAnnotation || key == inject.SafeToEvictAnnotation
}

// templated compares what templates alone add to the app's containers and the pod's annotations with what
// is there. An injection into the running pod would keep such values unchanged, because it cannot tell
// whether they are the app's own.
func (c *comparison) templated(alone, running object, ours map[string]string) {
	for _, field := range []string{"initContainers", "containers"} {
		now := items(part(running, "spec"), field)
		for _, w := range items(part(alone, "spec"), field) {
			if has := named(now, text(w, "name")); has != nil && ours[text(w, "name")] == "" {
				c.addedTo(has, w)
			}
		}
	}
	w, r := part(alone, "metadata", "annotations"), part(running, "metadata", "annotations")
	for _, key := range slices.Sorted(maps.Keys(w)) {
		value, _ := w[key].(string)
		has, _ := r[key].(string)
		if !bookkeeping(key) && has != value && !joined(has, value) {
			c.found = append(c.found, difference{field: fmt.Sprintf("metadata.annotations[%q]", key)})
		}
	}
}

// addedTo compares a container of the application with what templates alone add to it.
func (c *comparison) addedTo(has, added object) {
	gets := "what container " + message.Quote(text(added, "name")) + " gets: "
	for _, e := range items(added, "env") {
		own := named(items(has, "env"), text(e, "name"))
		if own == nil || !equal("env", e, own, true) && !joined(text(own, "value"), text(e, "value")) {
			c.found = append(c.found, difference{field: gets + "env " + message.Quote(text(e, "name"))})
		}
	}
	for _, name := range []string{"envFrom", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} {
		if added[name] != nil && !equal(name, added[name], has[name], true) {
			c.found = append(c.found, difference{field: gets + name})
		}
	}
}

// joined reports whether a value contains an element that a template adds to it, between separators.
func joined(value, element string) bool {
	i := strings.Index(value, element)
	if element == "" || i < 0 {
		return false
	}
	apart := func(s string) bool { return s == "" || strings.ContainsAny(s, " ,:;") }
	before, after := value[:i], value[i+len(element):]
	return apart(before[max(0, len(before)-1):]) && apart(after[:min(1, len(after))])
}

// keys returns the keys of both objects, sorted.
func keys(a, b object) []string {
	both := copied(a)
	maps.Copy(both, b)
	return slices.Sorted(maps.Keys(both))
}
