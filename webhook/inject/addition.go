package inject

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// addition is what one instance adds, sorted by what it is merged with. Objects
// are shared with the template and never changed.
type addition struct {
	// init are init containers and native sidecars, regular the app's neighbours.
	init, regular []*addedContainer
	volumes       []addedNamed

	labels, annotations              templates.Object
	pullSecrets, aliases, tolerances []any
	groups                           []any
	fsGroup                          any // nil: none
	shareProcessNamespace            any
	gracePeriod                      any
	dnsConfig                        any

	app appAddition
}

// appAddition is what each target container gets.
type appAddition struct {
	mounts, devices, env []addedNamed
	envFrom              []any
	// hooks are probes and lifecycle, by field name.
	hooks templates.Object
}

// addedNamed is an object of a list whose items have names.
type addedNamed struct {
	name   string
	object templates.Object
}

// addedContainer is one container of ours.
type addedContainer struct {
	name     string
	native   bool
	position []string
	object   templates.Object
	ports    []portView
	mounts   []addedNamed
	instance string
}

// newAddition takes a rendering apart, applies the override, and turns native
// sidecars into regular containers where the pod asked for that.
func newAddition(c *candidate, r *templates.Rendered, overrides map[string]override) (*addition, []Fault) {
	a := &addition{}
	spec, metadata := r.Pod.Object("spec"), r.Pod.Object("metadata")
	a.labels, a.annotations = metadata.Object("labels"), metadata.Object("annotations")
	var faults []Fault
	add := func(list string, placements []templates.Placement) {
		for i, item := range spec.List(list) {
			object, _ := item.(templates.Object)
			object, wrong := applyOverride(c, object, placements[i].Name, overrides)
			faults = append(faults, wrong...)
			container := &addedContainer{name: object.Text("name"), instance: c.asked.instance, position: placements[i].Position,
				object: object, ports: portsOf(object), mounts: named(object.List("volumeMounts"))}
			sidecar := list == "initContainers" && object.Text("restartPolicy") == "Always"
			switch {
			case sidecar && c.native:
				container.native = true
				a.init = append(a.init, container)
			case sidecar:
				container.object = object.Without("restartPolicy")
				a.regular = append(a.regular, container)
			case list == "initContainers":
				a.init = append(a.init, container)
			default:
				a.regular = append(a.regular, container)
			}
		}
	}
	add("initContainers", r.InitContainers)
	add("containers", r.Containers)
	a.volumes = named(spec.List("volumes"))
	a.pullSecrets, a.aliases, a.tolerances = spec.List("imagePullSecrets"), spec.List("hostAliases"), spec.List("tolerations")
	a.shareProcessNamespace, _ = spec.Get("shareProcessNamespace")
	a.gracePeriod, _ = spec.Get("terminationGracePeriodSeconds")
	a.dnsConfig, _ = spec.Get("dnsConfig")
	security := spec.Object("securityContext")
	a.groups = security.List("supplementalGroups")
	a.fsGroup, _ = security.Get("fsGroup")
	for _, m := range r.App {
		switch m.Name {
		case "volumeMounts":
			a.app.mounts = named(r.App.List(m.Name))
		case "volumeDevices":
			a.app.devices = named(r.App.List(m.Name))
		case "env":
			a.app.env = named(r.App.List(m.Name))
		case "envFrom":
			a.app.envFrom = r.App.List(m.Name)
		default:
			a.app.hooks = append(a.app.hooks, m)
		}
	}
	return a, append(faults, a.checkNames(c)...)
}

func named(items []any) []addedNamed {
	if len(items) == 0 {
		return nil
	}
	out := make([]addedNamed, 0, len(items))
	for _, item := range items {
		object, _ := item.(templates.Object)
		out = append(out, addedNamed{name: object.Text("name"), object: object})
	}
	return out
}

func portsOf(container templates.Object) []portView {
	var ports []portView
	for _, item := range container.List("ports") {
		object, _ := item.(templates.Object)
		ports = append(ports, portView{Name: object.Text("name"), Protocol: object.Text("protocol"), HostIP: object.Text("hostIP"),
			Port: int32(integer(object, "containerPort")), HostPort: int32(integer(object, "hostPort"))})
	}
	return ports
}

func integer(o templates.Object, name string) int64 {
	v, _ := o.Get(name)
	i, _ := v.(int64)
	return i
}

// checkNames refuses what the API server would: a name made from the instance or
// a parameter can turn out too long or not be a name at all.
func (a *addition) checkNames(c *candidate) []Fault {
	var faults []Fault
	check := func(what, name string) {
		if f := c.generatedName(what, name); f != nil {
			faults = append(faults, *f)
		}
	}
	path := func(where string, m addedNamed) {
		mountPath := m.object.Text("mountPath")
		if strings.Contains(mountPath, ":") {
			faults = append(faults, Fault{Reason: BadParameter, Instance: c.asked.instance, Place: c.place(),
				Message: fmt.Sprintf("%s: mount path %s contains a colon, which Kubernetes forbids", where, templates.Quote(mountPath)),
				Fix:     "choose another path"})
		}
	}
	for _, list := range [][]*addedContainer{a.init, a.regular} {
		for _, container := range list {
			check("container", container.name)
			for _, m := range container.mounts {
				path("container "+templates.Quote(container.name), m)
			}
		}
	}
	for _, v := range a.volumes {
		check("volume", v.name)
	}
	for _, m := range a.app.mounts {
		path("the app's container", m)
	}
	return faults
}

// place names the instance where no annotation of its own is at fault.
func (c *candidate) place() string {
	return fmt.Sprintf("instance %s of template %s", templates.Quote(c.asked.instance), templates.Quote(c.asked.template))
}

func (c *candidate) generatedName(what, name string) *Fault {
	if len(name) > maxGeneratedName {
		fix := fmt.Sprintf("choose an instance name of at most %d characters", max(1, len(c.asked.instance)-(len(name)-maxGeneratedName)))
		if !strings.Contains(name, c.asked.instance) {
			fix = "shorten the parameter that it is made of"
		}
		return &Fault{Reason: BadRequest, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("%s name %s has %d characters, more than %d", what, templates.Quote(name), len(name), maxGeneratedName), Fix: fix}
	}
	if len(validation.IsDNS1123Label(name)) > 0 {
		return &Fault{Reason: BadParameter, Instance: c.asked.instance, Place: c.place(),
			Message: fmt.Sprintf("%s name %s is not made of lower-case letters, digits and inner hyphens", what, templates.Quote(name)),
			Fix:     "change the parameter that it is made of"}
	}
	return nil
}
