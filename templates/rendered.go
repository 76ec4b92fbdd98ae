package templates

import "github.com/sidecar-injector/sidecar-injector/templates/program"

// Rendered is what one instance of a template adds, before it is merged into a pod: the partial objects of
// the template with expressions evaluated and $ words removed, in the template's key order, checked against
// the core/v1 schemas. It must not be changed, because it is shared between requests.
type Rendered struct {
	program.Additions

	// Parts are Pod and App split into the parts that are merged separately.
	Parts Parts

	// Warnings are the unmet validations with action Warn.
	Warnings []ValidationFailure

	// Unmet is what the API server would refuse in the rendering, at most some of it. An overridden rendering
	// has none: what an override changes is checked by the one who overrides it.
	Unmet []Unmet

	// Cost is that of the expressions in CEL's units of work. A cached rendering keeps its original cost, so
	// that results do not depend on earlier requests.
	Cost uint64

	native bool
	size   int // approximate size of the parts as JSON, in bytes
}

// Parts is a rendering, grouped by the lists of the pod into which it is merged.
type Parts struct {
	// Init are init containers and native sidecars. Regular are regular containers: the template's containers
	// and, if the instance is not native, its sidecars.
	Init, Regular []Container
	Volumes       []Named

	Labels, Annotations                        program.Object
	ImagePullSecrets, HostAliases, Tolerations []JSON
	SupplementalGroups                         []int64
	// FSGroup, GracePeriod and ShareProcessNamespace are nil, and DNSConfig is zero, if absent.
	FSGroup, GracePeriod  *int64
	ShareProcessNamespace *bool
	DNSConfig             JSON

	// App is added to each target container; if Apps is not nil, it is the first of them.
	App AppParts
	// Apps are the additions to each target, in the order of Input.Targets; nil unless they depend on the
	// target.
	Apps []AppParts
}

// For returns the additions to the target with the given index.
func (p *Parts) For(target int) *AppParts {
	if target < len(p.Apps) {
		return &p.Apps[target]
	}
	return &p.App
}

// Kinds returns the number of different additions, which For returns by index.
func (p *Parts) Kinds() int { return max(1, len(p.Apps)) }

// AppParts are the additions to a target container.
type AppParts struct {
	Mounts, Devices []Named
	Env             []EnvVariable
	EnvFrom         []JSON
	// Probes are by field name, Lifecycle hooks by hook name.
	Probes, Lifecycle []Named
}

// EnvVariable is an environment variable added to a target container.
type EnvVariable struct {
	Named
	program.Join
	// First puts it before the container's own.
	First bool
}

// Joined reports whether the value is joined to an existing one.
func (v *EnvVariable) Joined() bool { return v.Side != program.NotJoined }

// JSON is a value together with its encoding.
type JSON struct {
	Value any
	Raw   []byte
}

// Named is an object of a list whose items have names, or a member of an object.
type Named struct {
	Name string
	JSON
}

// Object returns the value if it is an object, else nil.
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

// Port is one port of a container, with the fields of core/v1.
type Port struct {
	Name, Protocol, HostIP  string
	ContainerPort, HostPort int64
}

// encoder makes the parts of a rendering, and counts their bytes as JSON.
type encoder struct{ size int }

func (e *encoder) encode(value any) JSON {
	raw := program.AppendJSON(nil, value)
	e.size += len(raw)
	return JSON{Value: value, Raw: raw}
}

// finish sets Parts and size.
func (r *Rendered) finish() {
	var e encoder
	spec, metadata := r.Pod.Object("spec"), r.Pod.Object("metadata")
	p := &r.Parts
	p.Labels, p.Annotations = metadata.Object("labels"), metadata.Object("annotations")
	lists := r.Lists()
	for i, object := range program.Objects(lists[0].Items) {
		sidecar := object.Text("restartPolicy") == "Always"
		if sidecar && !r.native {
			p.Regular = append(p.Regular, e.newContainer(object.Without("restartPolicy"), lists[0].Placement(i)))
			continue
		}
		c := e.newContainer(object, lists[0].Placement(i))
		c.Sidecar = sidecar
		p.Init = append(p.Init, c)
	}
	for i, object := range program.Objects(lists[1].Items) {
		p.Regular = append(p.Regular, e.newContainer(object, lists[1].Placement(i)))
	}
	p.Volumes = e.named(spec.List("volumes"))
	p.ImagePullSecrets, p.HostAliases, p.Tolerations = e.encoded(spec.List("imagePullSecrets")), e.encoded(spec.List("hostAliases")), e.encoded(spec.List("tolerations"))
	p.GracePeriod = integerOf(spec, "terminationGracePeriodSeconds")
	if share, ok := spec.Get("shareProcessNamespace"); ok {
		value, _ := share.(bool)
		p.ShareProcessNamespace = &value
	}
	if dns, ok := spec.Get("dnsConfig"); ok {
		p.DNSConfig = e.encode(dns)
	}
	security := spec.Object("securityContext")
	p.FSGroup = integerOf(security, "fsGroup")
	for _, item := range security.List("supplementalGroups") {
		group, _ := item.(int64)
		p.SupplementalGroups = append(p.SupplementalGroups, group)
	}
	for i := range r.Apps {
		p.Apps = append(p.Apps, e.appParts(&r.Apps[i]))
	}
	if p.Apps != nil {
		p.App = p.Apps[0]
	} else {
		p.App = e.appParts(&r.App)
	}
	for _, object := range []program.Object{p.Labels, p.Annotations} {
		for _, m := range object {
			text, _ := m.Value.(string)
			e.size += len(m.Name) + len(text)
		}
	}
	r.size = e.size
}

func (e *encoder) appParts(a *program.AppAdditions) AppParts {
	var p AppParts
	app := a.Fields
	for _, m := range app {
		switch m.Name {
		case "volumeMounts":
			p.Mounts = e.named(app.List(m.Name))
		case "volumeDevices":
			p.Devices = e.named(app.List(m.Name))
		case "env":
			p.Env = e.environment(app.List(m.Name), a.Variables)
		case "envFrom":
			p.EnvFrom = e.encoded(app.List(m.Name))
		case "lifecycle":
			for _, hook := range app.Object(m.Name) {
				p.Lifecycle = append(p.Lifecycle, Named{Name: hook.Name, JSON: e.encode(hook.Value)})
			}
		default:
			p.Probes = append(p.Probes, Named{Name: m.Name, JSON: e.encode(m.Value)})
		}
	}
	return p
}

func (e *encoder) newContainer(object program.Object, placement program.Placement) Container {
	c := Container{
		Named:    Named{Name: object.Text("name"), JSON: e.encode(object)},
		Position: placement.Position,
		Mounts:   e.named(object.List("volumeMounts")),
		Devices:  e.named(object.List("volumeDevices")),
	}
	for _, port := range program.Objects(object.List("ports")) {
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

func (e *encoder) named(items []any) []Named {
	if len(items) == 0 {
		return nil
	}
	out := make([]Named, 0, len(items))
	for _, object := range program.Objects(items) {
		out = append(out, Named{Name: object.Text("name"), JSON: e.encode(object)})
	}
	return out
}

func (e *encoder) environment(items []any, said []program.Placement) []EnvVariable {
	if len(items) == 0 {
		return nil
	}
	out := make([]EnvVariable, 0, len(items))
	for i, object := range program.Objects(items) {
		var place program.Placement
		if i < len(said) {
			place = said[i]
		}
		out = append(out, EnvVariable{Named: Named{Name: object.Text("name"), JSON: e.encode(object)}, Join: place.Join, First: len(place.Position) > 0})
	}
	return out
}

func (e *encoder) encoded(items []any) []JSON {
	if len(items) == 0 {
		return nil
	}
	out := make([]JSON, 0, len(items))
	for _, item := range items {
		out = append(out, e.encode(item))
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

// Override returns a copy of the rendering in which change is applied to each container. change receives the
// container's name as written in the template.
func (r *Rendered) Override(change func(name string, container program.Object) program.Object) *Rendered {
	out := &Rendered{Additions: r.Additions, Warnings: r.Warnings, Cost: r.Cost, native: r.native}
	spec := r.Pod.Object("spec")
	for _, list := range r.Lists() {
		if len(list.Items) == 0 {
			continue
		}
		changed := make([]any, len(list.Items))
		for i, object := range program.Objects(list.Items) {
			changed[i] = change(list.Placement(i).Name, object)
		}
		spec = spec.With(list.Field, changed)
	}
	out.Pod = r.Pod.With("spec", spec)
	out.finish()
	return out
}
