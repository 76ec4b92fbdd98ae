package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// Rendered is what one instance of a template adds, before it is merged into a
// pod: the partial objects of the template with expressions evaluated, $when and
// $position taken out, in the template's key order, strictly checked as core/v1.
// It is read-only, for it is shared between requests.
type Rendered struct {
	// Pod is the partial pod ({metadata, spec}); App the additions to the target
	// containers (volumeMounts, volumeDevices, env, envFrom, probes, lifecycle),
	// without containers and initContainers. Both may be nil.
	Pod program.Object
	// App is for all targets, or Apps for each.
	App  program.AppAdditions
	Apps []program.AppAdditions
	// InitContainers and Containers describe the containers of Pod, by index.
	InitContainers, Containers []program.Placement

	// Parts are Pod and App taken apart for merging.
	Parts Parts

	// Warnings are the demands of the template that are not met and refuse nothing.
	Warnings []ValidationFailure

	// Cost is what the expressions took, in CEL's units of work. A rendering that was kept
	// costs as much as it did at first, so that answers do not depend on what others asked for.
	Cost uint64

	native bool
	size   int // of the parts as JSON, in about so many bytes
}

// Parts is a rendering sorted by what it is merged with.
type Parts struct {
	// Init are init containers and native sidecars, Regular the app's neighbours: the
	// template's containers and, where the instance is not native, its sidecars.
	Init, Regular []Container
	Volumes       []Named

	Labels, Annotations                        program.Object
	ImagePullSecrets, HostAliases, Tolerations []JSON
	SupplementalGroups                         []int64
	// FSGroup, GracePeriod and ShareProcessNamespace are nil, DNSConfig is zero, when absent.
	FSGroup, GracePeriod  *int64
	ShareProcessNamespace *bool
	DNSConfig             JSON

	// App is what each target container gets; where Apps is not nil, the first of them.
	App AppParts
	// Apps are what the targets get where that depends on the target, in the order of Input.Targets.
	Apps []AppParts
}

// For is what a target gets.
func (p *Parts) For(target int) *AppParts {
	if target < len(p.Apps) {
		return &p.Apps[target]
	}
	return &p.App
}

// Kinds is how many different things targets get: For gives them by number.
func (p *Parts) Kinds() int { return max(1, len(p.Apps)) }

// AppParts is what each target container gets.
type AppParts struct {
	Mounts, Devices []Named
	Env             []EnvVariable
	EnvFrom         []JSON
	// Probes by field name; Lifecycle hooks by hook name.
	Probes, Lifecycle []Named
}

// EnvVariable is an environment variable that a target container gets.
type EnvVariable struct {
	Named
	program.Join
	// First puts it before the container's own.
	First bool
}

// Joined says that its value is joined to what is there.
func (v *EnvVariable) Joined() bool { return v.Side != program.NotJoined }

// JSON is a value and its encoding.
type JSON struct {
	Value any
	Raw   []byte
}

// Named is an object of a list whose items have names, or a member of an object.
type Named struct {
	Name string
	JSON
}

// Object is the value as an object; nil if it is none.
func (n *Named) Object() program.Object {
	o, _ := n.Value.(program.Object)
	return o
}

// Container is one container that a rendering adds.
type Container struct {
	Named
	// Sidecar is set for a native sidecar.
	Sidecar         bool
	Position        []string
	Ports           []Port
	Mounts, Devices []Named
}

// Port is one port of a container, as core/v1 has it.
type Port struct {
	Name, Protocol, HostIP  string
	ContainerPort, HostPort int64
}

func encode(value any) JSON { return JSON{Value: value, Raw: program.AppendJSON(nil, value)} }

// newRendered takes what a program gave apart. It keeps nothing else of the evaluation.
func newRendered(a program.Additions, native bool, cost uint64) *Rendered {
	r := &Rendered{Pod: a.Pod, App: a.App, Apps: a.Apps, InitContainers: a.InitContainers, Containers: a.Containers, Cost: cost, native: native}
	r.finish()
	return r
}

// finish takes the trees apart.
func (r *Rendered) finish() {
	spec, metadata := r.Pod.Object("spec"), r.Pod.Object("metadata")
	p := &r.Parts
	p.Labels, p.Annotations = metadata.Object("labels"), metadata.Object("annotations")
	for i, item := range spec.List("initContainers") {
		object, _ := item.(program.Object)
		sidecar := object.Text("restartPolicy") == "Always"
		if sidecar && !r.native {
			p.Regular = append(p.Regular, newContainer(object.Without("restartPolicy"), placement(r.InitContainers, i)))
			continue
		}
		c := newContainer(object, placement(r.InitContainers, i))
		c.Sidecar = sidecar
		p.Init = append(p.Init, c)
	}
	for i, item := range spec.List("containers") {
		object, _ := item.(program.Object)
		p.Regular = append(p.Regular, newContainer(object, placement(r.Containers, i)))
	}
	p.Volumes = named(spec.List("volumes"))
	p.ImagePullSecrets, p.HostAliases, p.Tolerations = encoded(spec.List("imagePullSecrets")), encoded(spec.List("hostAliases")), encoded(spec.List("tolerations"))
	p.GracePeriod = integerOf(spec, "terminationGracePeriodSeconds")
	if share, ok := spec.Get("shareProcessNamespace"); ok {
		value, _ := share.(bool)
		p.ShareProcessNamespace = &value
	}
	if dns, ok := spec.Get("dnsConfig"); ok {
		p.DNSConfig = encode(dns)
	}
	security := spec.Object("securityContext")
	p.FSGroup = integerOf(security, "fsGroup")
	for _, item := range security.List("supplementalGroups") {
		group, _ := item.(int64)
		p.SupplementalGroups = append(p.SupplementalGroups, group)
	}
	for i := range r.Apps {
		p.Apps = append(p.Apps, appParts(&r.Apps[i]))
	}
	if p.Apps != nil {
		p.App = p.Apps[0]
	} else {
		p.App = appParts(&r.App)
	}
	r.size = p.size()
}

// placement is that of a container, or none: what the template says of a container
// is beside the container, and nothing here relies on both being of one length.
func placement(all []program.Placement, i int) program.Placement {
	if i < len(all) {
		return all[i]
	}
	return program.Placement{}
}

// size is about how many bytes the parts have as JSON.
func (p *Parts) size() int {
	n := len(p.DNSConfig.Raw)
	for _, list := range [][]Container{p.Init, p.Regular} {
		for i := range list {
			n += len(list[i].Raw)
		}
	}
	for i := range p.Kinds() {
		app := p.For(i)
		for _, list := range [][]Named{app.Mounts, app.Devices, app.Probes, app.Lifecycle} {
			for i := range list {
				n += len(list[i].Raw)
			}
		}
		for i := range app.Env {
			n += len(app.Env[i].Raw)
		}
		for i := range app.EnvFrom {
			n += len(app.EnvFrom[i].Raw)
		}
	}
	for i := range p.Volumes {
		n += len(p.Volumes[i].Raw)
	}
	for _, list := range [][]JSON{p.ImagePullSecrets, p.HostAliases, p.Tolerations} {
		for i := range list {
			n += len(list[i].Raw)
		}
	}
	for _, object := range []program.Object{p.Labels, p.Annotations} {
		for _, m := range object {
			text, _ := m.Value.(string)
			n += len(m.Name) + len(text)
		}
	}
	return n
}

func appParts(a *program.AppAdditions) AppParts {
	var p AppParts
	app := a.Fields
	for _, m := range app {
		switch m.Name {
		case "volumeMounts":
			p.Mounts = named(app.List(m.Name))
		case "volumeDevices":
			p.Devices = named(app.List(m.Name))
		case "env":
			p.Env = environment(app.List(m.Name), a.Variables)
		case "envFrom":
			p.EnvFrom = encoded(app.List(m.Name))
		case "lifecycle":
			for _, hook := range app.Object(m.Name) {
				p.Lifecycle = append(p.Lifecycle, Named{Name: hook.Name, JSON: encode(hook.Value)})
			}
		default:
			p.Probes = append(p.Probes, Named{Name: m.Name, JSON: encode(m.Value)})
		}
	}
	return p
}

func newContainer(object program.Object, placement program.Placement) Container {
	c := Container{
		Named:    Named{Name: object.Text("name"), JSON: encode(object)},
		Position: placement.Position,
		Mounts:   named(object.List("volumeMounts")),
		Devices:  named(object.List("volumeDevices")),
	}
	for _, item := range object.List("ports") {
		port, _ := item.(program.Object)
		p := Port{Name: port.Text("name"), Protocol: port.Text("protocol"), HostIP: port.Text("hostIP")}
		if p.Protocol == "" {
			p.Protocol = "TCP"
		}
		if n := integerOf(port, "containerPort"); n != nil {
			p.ContainerPort = *n
		}
		if n := integerOf(port, "hostPort"); n != nil {
			p.HostPort = *n
		}
		c.Ports = append(c.Ports, p)
	}
	return c
}

func named(items []any) []Named {
	if len(items) == 0 {
		return nil
	}
	out := make([]Named, 0, len(items))
	for _, item := range items {
		object, _ := item.(program.Object)
		out = append(out, Named{Name: object.Text("name"), JSON: encode(object)})
	}
	return out
}

func environment(items []any, said []program.Placement) []EnvVariable {
	if len(items) == 0 {
		return nil
	}
	out := make([]EnvVariable, 0, len(items))
	for i, item := range items {
		object, _ := item.(program.Object)
		place := placement(said, i)
		out = append(out, EnvVariable{Named: Named{Name: object.Text("name"), JSON: encode(object)}, Join: place.Join, First: len(place.Position) > 0})
	}
	return out
}

func encoded(items []any) []JSON {
	if len(items) == 0 {
		return nil
	}
	out := make([]JSON, 0, len(items))
	for _, item := range items {
		out = append(out, encode(item))
	}
	return out
}

func integerOf(o program.Object, name string) *int64 {
	v, _ := o.Get(name)
	if i, ok := v.(int64); ok {
		return &i
	}
	return nil
}

// Override gives a rendering in which each container is what change makes of it.
// change gets the container's name as written in the template; the first error ends it.
func (r *Rendered) Override(change func(name string, container program.Object) (program.Object, error)) (*Rendered, error) {
	out := &Rendered{Pod: r.Pod, App: r.App, Apps: r.Apps, InitContainers: r.InitContainers, Containers: r.Containers, Warnings: r.Warnings, Cost: r.Cost, native: r.native}
	spec := r.Pod.Object("spec")
	for _, list := range []struct {
		field      string
		placements []program.Placement
	}{{"initContainers", r.InitContainers}, {"containers", r.Containers}} {
		items := spec.List(list.field)
		if len(items) == 0 {
			continue
		}
		changed := make([]any, len(items))
		for i, item := range items {
			object, _ := item.(program.Object)
			object, err := change(placement(list.placements, i).Name, object)
			if err != nil {
				return nil, err
			}
			changed[i] = object
		}
		spec = spec.With(list.field, changed)
	}
	out.Pod = r.Pod.With("spec", spec)
	out.finish()
	return out, nil
}
