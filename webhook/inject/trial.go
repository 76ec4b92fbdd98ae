package inject

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// trial checks one instance. What it finds new becomes claims and a plan, but
// only if there is no fault in the end.
type trial struct {
	claims    *claims
	candidate *candidate
	addition  *addition

	containers []owned[*addedContainer]
	volumes    []owned[addedNamed]
	scalars    []owned[scalar]
	perTarget  []owned[targetClaim]

	plan     plan
	faults   []Fault
	notes    []string
	warnings []string
}

// plan is what is left of an addition once everything that is there already, or
// that the pod's own value replaces, is taken out.
type plan struct {
	volumes                  []addedNamed
	labels, annotations      templates.Object
	pullSecrets, hostAliases []any
	tolerations, groups      []any
	fields                   templates.Object // of spec, set whole
	fsGroup                  any
	gracePeriod              int64 // 0: none
	targets                  []targetPlan
}

// targetPlan is what one container of the app gets.
type targetPlan struct {
	target
	mounts, devices, env, envFrom []any
	hooks, lifecycle              templates.Object
}

func (t *trial) pod() *podView { return t.claims.job.pod }

func (t *trial) by() string { return t.candidate.asked.instance }

func (t *trial) conflict(place, message, fix string) {
	t.faults = append(t.faults, Fault{Reason: Conflict, Instance: t.by(), Place: place, Message: message, Fix: fix})
}

func (t *trial) note(format string, args ...any) {
	t.notes = append(t.notes, fmt.Sprintf(format, args...))
}

func (t *trial) warn(format string, args ...any) {
	t.warnings = append(t.warnings, fmt.Sprintf(format, args...))
}

// checkContainers: no container of ours may have a name or port that is taken.
func (t *trial) checkContainers() {
	for _, list := range [][]*addedContainer{t.addition.init, t.addition.regular} {
		for _, c := range list {
			t.checkContainerName(c)
			t.checkPorts(c)
			t.containers = append(t.containers, owned[*addedContainer]{by: t.by(), value: c})
		}
	}
}

func (t *trial) checkContainerName(c *addedContainer) {
	if _, list, _ := t.pod().container(c.name); list != "" {
		t.conflict(fmt.Sprintf("spec.%s[%s]", list, c.name), fmt.Sprintf("the pod already has a container %s", templates.Quote(c.name)),
			"already injected by hand? keep the status annotation; else rename the container or choose another instance name")
		return
	}
	for other := range t.ours() {
		if other.value.name == c.name {
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s is also added by instance %s", templates.Quote(c.name), templates.Quote(other.by)),
				"choose other instance names")
		}
	}
}

// ours are the containers of all accepted instances and of this one so far.
func (t *trial) ours() func(yield func(owned[*addedContainer]) bool) {
	return func(yield func(owned[*addedContainer]) bool) {
		for _, list := range [][]owned[*addedContainer]{t.claims.containers, t.containers} {
			for _, c := range list {
				if !yield(c) {
					return
				}
			}
		}
	}
}

func (t *trial) checkPorts(c *addedContainer) {
	for _, port := range c.ports {
		for _, list := range [][]containerView{t.pod().spec.InitContainers, t.pod().spec.Containers} {
			for i := range list {
				t.checkPodPort(c, port, &list[i])
			}
		}
		for other := range t.ours() {
			for _, taken := range other.value.ports {
				who := fmt.Sprintf("container %s of instance %s", templates.Quote(other.value.name), templates.Quote(other.by))
				if port.same(taken) {
					t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both listen on port %s", templates.Quote(c.name), who, port.text()),
						"give one of them another port")
				} else {
					t.checkPortName(c, port, taken, who)
				}
			}
		}
	}
}

func (t *trial) checkPodPort(c *addedContainer, port portView, view *containerView) {
	for _, taken := range view.Ports {
		who := "container " + templates.Quote(view.Name) + " of the pod"
		if port.same(taken) {
			t.warn("container %s and %s both name port %s: only one of them can listen on it", c.name, who, port.text())
		}
		t.checkPortName(c, port, taken, who)
	}
}

func (t *trial) checkPortName(c *addedContainer, port, taken portView, who string) {
	if port.Name != "" && port.Name == taken.Name {
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s has a port named %s, and so has %s: a Service would find the wrong one", templates.Quote(c.name), templates.Quote(port.Name), who),
			"give the port another name")
	}
	if port.HostPort != 0 && port.HostPort == taken.HostPort && port.protocol() == taken.protocol() && hostIPsMeet(port.HostIP, taken.HostIP) {
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both want host port %d", templates.Quote(c.name), who, port.HostPort), "give one of them another host port")
	}
}

func hostIPsMeet(a, b string) bool {
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return a == b || everywhere(a) || everywhere(b)
}

func (p portView) protocol() string {
	if p.Protocol == "" {
		return "TCP"
	}
	return p.Protocol
}

func (p portView) same(other portView) bool {
	return p.Port == other.Port && p.protocol() == other.protocol()
}

func (p portView) text() string { return fmt.Sprintf("%d/%s", p.Port, p.protocol()) }

// tokenVolume is how the volume of a service account's token begins, which the API
// server names at random and adds before webhooks are called.
const tokenVolume = "kube-api-access-"

// checkVolumes: a volume of the same name must be the same volume.
func (t *trial) checkVolumes() {
	for _, v := range t.addition.volumes {
		if strings.HasPrefix(v.name, tokenVolume) {
			t.conflict(t.candidate.place(), fmt.Sprintf("volume name %s is kept for service-account tokens", templates.Quote(v.name)), "choose another name")
			continue
		}
		place := fmt.Sprintf("spec.volumes[%s]", v.name)
		if taken := t.pod().volume(v.name); taken != nil {
			if sameVolume(taken.raw, v.object) {
				t.note("volume %s: the pod has the same one, which is shared", v.name)
			} else {
				t.conflict(place, fmt.Sprintf("volume %s of the pod is another than the one that instance %s adds", templates.Quote(v.name), templates.Quote(t.by())),
					"rename the pod's volume or choose another instance name")
			}
			continue
		}
		if slices.Contains(t.claims.job.request.ClaimVolumes, v.name) {
			t.conflict(place, fmt.Sprintf("volume %s comes from a volumeClaimTemplate, and instance %s adds another of that name", templates.Quote(v.name), templates.Quote(t.by())),
				"rename the claim template or choose another instance name")
			continue
		}
		if other, found := t.claimedVolume(v.name); found {
			if !sameVolume(templates.AppendJSON(nil, other.value.object), v.object) {
				t.conflict(place, fmt.Sprintf("instances %s and %s add different volumes named %s", templates.Quote(other.by), templates.Quote(t.by()), templates.Quote(v.name)),
					"choose other instance names")
			}
			continue
		}
		t.volumes = append(t.volumes, owned[addedNamed]{by: t.by(), value: v})
		t.plan.volumes = append(t.plan.volumes, v)
	}
}

func (t *trial) claimedVolume(name string) (owned[addedNamed], bool) {
	for _, list := range [][]owned[addedNamed]{t.claims.volumes, t.volumes} {
		for _, v := range list {
			if v.value.name == name {
				return v, true
			}
		}
	}
	return owned[addedNamed]{}, false
}

// volumeExists reports whether a mount of that volume will find it.
func (t *trial) volumeExists(name string) bool {
	_, claimed := t.claimedVolume(name)
	return claimed || t.pod().volume(name) != nil || slices.Contains(t.claims.job.request.ClaimVolumes, name)
}

// checkMountedVolumes: a mount whose volume is nowhere makes a pod that the API
// server refuses with a message about a field that its author never wrote.
func (t *trial) checkMountedVolumes() {
	missing := map[string]bool{}
	look := func(mounts []addedNamed) {
		for _, m := range mounts {
			if !t.volumeExists(m.name) && !missing[m.name] {
				missing[m.name] = true
				t.faults = append(t.faults, Fault{Reason: BadParameter, Instance: t.by(), Place: t.candidate.place(),
					Message: fmt.Sprintf("volume %s, which it mounts, is not in the pod", templates.Quote(m.name)), Fix: t.volumesFix(m.name)})
			}
		}
	}
	for _, list := range [][]*addedContainer{t.addition.init, t.addition.regular} {
		for _, c := range list {
			look(c.mounts)
			look(named(c.object.List("volumeDevices")))
		}
	}
	look(t.addition.app.mounts)
	look(t.addition.app.devices)
}

func (t *trial) volumesFix(name string) string {
	names := slices.Clone(t.claims.job.request.ClaimVolumes)
	for _, v := range t.pod().spec.Volumes {
		if !strings.HasPrefix(v.Name, tokenVolume) { // nobody's choice, and not there offline
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 {
		return "the pod has no volumes"
	}
	fix := "the pod has " + strings.Join(names, ", ")
	if near := templates.Nearest(name, names); near != "" {
		fix = fmt.Sprintf("did you mean %s? %s", near, fix)
	}
	return fix
}

// claimScalar takes a value that exists once. It reports whether it is new; a
// different value of another instance is a conflict.
func (t *trial) claimScalar(path, place string, value any) bool {
	mine := scalar{path: path, json: string(templates.AppendJSON(nil, value))}
	for _, list := range [][]owned[scalar]{t.claims.scalars, t.scalars} {
		for _, other := range list {
			if other.value.path != path {
				continue
			}
			if other.value.json != mine.json {
				t.conflict(place, fmt.Sprintf("instances %s and %s want different values", templates.Quote(other.by), templates.Quote(t.by())), "leave one of them out")
			}
			return false
		}
	}
	t.scalars = append(t.scalars, owned[scalar]{by: t.by(), value: mine})
	return true
}

// equalJSON compares JSON with a value of ours, whatever the order of members.
func equalJSON(raw []byte, value any) bool {
	a, errA := decodeAny(raw)
	b, errB := decodeAny(templates.AppendJSON(nil, value))
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}
