package inject

import (
	"fmt"
	"iter"
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
	addition  *templates.Parts

	containers []owned[*templates.Container]
	volumes    []owned[*templates.Named]
	scalars    []owned[scalar]
	perTarget  []owned[targetClaim]

	plan     plan
	items    []*templates.JSON // see fresh
	faults   []Fault
	notes    []string
	warnings []string
}

// plan is what is left of an addition once everything that is there already, or
// that the pod's own value replaces, is taken out.
type plan struct {
	volumes                               []*templates.Named
	labels, annotations                   templates.Object
	pullSecrets, hostAliases, tolerations []*templates.JSON
	groups                                []int64
	dnsConfig                             *templates.JSON
	shareProcessNamespace                 *bool
	fsGroup                               *int64
	gracePeriod                           int64 // 0: none
	targets                               []targetPlan
}

// targetPlan is what one container of the app gets.
type targetPlan struct {
	target
	mounts, devices, env, envFrom []*templates.JSON
	probes, lifecycle             []*templates.Named
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
	for c := range containersOf(t.addition) {
		t.checkContainerName(c)
		t.checkPorts(c)
		t.containers = append(t.containers, owned[*templates.Container]{by: t.by(), value: c})
	}
}

func (t *trial) checkContainerName(c *templates.Container) {
	if _, list, _ := t.pod().container(c.Name); list != "" {
		t.conflict(fmt.Sprintf("spec.%s[%s]", list, c.Name), fmt.Sprintf("the pod already has a container %s", templates.Quote(c.Name)),
			"already injected by hand? keep the status annotation; else rename the container or choose another instance name")
		return
	}
	for by, other := range t.ours() {
		if other.Name == c.Name {
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s is also added by instance %s", templates.Quote(c.Name), templates.Quote(by)),
				"choose other instance names")
		}
	}
}

// ours are the containers of all accepted instances and of this one so far.
func (t *trial) ours() iter.Seq2[string, *templates.Container] {
	return func(yield func(string, *templates.Container) bool) {
		for _, list := range [][]owned[*templates.Container]{t.claims.containers, t.containers} {
			for i := range list {
				if !yield(list[i].by, list[i].value) {
					return
				}
			}
		}
	}
}

func (t *trial) checkPorts(c *templates.Container) {
	for i := range c.Ports {
		port := &c.Ports[i]
		for _, list := range [][]containerView{t.pod().spec.InitContainers, t.pod().spec.Containers} {
			for i := range list {
				t.checkPodPort(c, port, &list[i])
			}
		}
		for by, other := range t.ours() {
			for k := range other.Ports {
				taken := &other.Ports[k]
				who := func() string {
					return fmt.Sprintf("container %s of instance %s", templates.Quote(other.Name), templates.Quote(by))
				}
				if samePort(port, taken) {
					t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both listen on port %d/%s", templates.Quote(c.Name), who(), port.ContainerPort, port.Protocol),
						"give one of them another port")
				} else {
					t.checkPortName(c, port, taken, who)
				}
			}
		}
	}
}

func (t *trial) checkPodPort(c *templates.Container, port *templates.Port, view *containerView) {
	for i := range view.Ports {
		taken := &view.Ports[i]
		who := func() string { return "container " + templates.Quote(view.Name) + " of the pod" }
		switch {
		case !samePort(port, taken):
		case t.claims.job.status.owns(view.Name):
			t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s, a sidecar from an earlier injection, both listen on port %d/%s", templates.Quote(c.Name), who(), port.ContainerPort, port.Protocol),
				"give one of them another port")
		default:
			t.warn("container %s and %s both name port %d/%s: only one of them can listen on it", c.Name, who(), port.ContainerPort, port.Protocol)
		}
		t.checkPortName(c, port, taken, who)
	}
}

func (t *trial) checkPortName(c *templates.Container, port, taken *templates.Port, who func() string) {
	if port.Name != "" && port.Name == taken.Name {
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s has a port named %s, and so has %s: a Service would find the wrong one", templates.Quote(c.Name), templates.Quote(port.Name), who()),
			"give the port another name")
	}
	if port.HostPort != 0 && port.HostPort == taken.HostPort && port.Protocol == taken.Protocol && hostIPsMeet(port.HostIP, taken.HostIP) {
		t.conflict(t.candidate.place(), fmt.Sprintf("container %s and %s both want host port %d", templates.Quote(c.Name), who(), port.HostPort), "give one of them another host port")
	}
}

func hostIPsMeet(a, b string) bool {
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" || ip == "::" }
	return a == b || everywhere(a) || everywhere(b)
}

func samePort(a, b *templates.Port) bool {
	return a.ContainerPort == b.ContainerPort && a.Protocol == b.Protocol
}

// checkVolumes: a volume of the same name must be the same volume.
func (t *trial) checkVolumes() {
	for i := range t.addition.Volumes {
		v := &t.addition.Volumes[i]
		if strings.HasPrefix(v.Name, "kube-api-access-") {
			t.conflict(t.candidate.place(), fmt.Sprintf("volume name %s is kept for service-account tokens", templates.Quote(v.Name)), "choose another name")
			continue
		}
		place := func() string { return fmt.Sprintf("spec.volumes[%s]", v.Name) }
		if taken := t.pod().volume(v.Name); taken != nil {
			if sameVolume(taken.raw, v.Raw) {
				t.note("volume %s: the pod has the same one, which is shared", v.Name)
			} else {
				t.conflict(place(), fmt.Sprintf("volume %s of the pod is another than the one that instance %s adds", templates.Quote(v.Name), templates.Quote(t.by())),
					"rename the pod's volume or choose another instance name")
			}
			continue
		}
		if slices.Contains(t.claims.job.request.ClaimVolumes, v.Name) {
			t.conflict(place(), fmt.Sprintf("volume %s comes from a volumeClaimTemplate, and instance %s adds another of that name", templates.Quote(v.Name), templates.Quote(t.by())),
				"rename the claim template or choose another instance name")
			continue
		}
		if by, other := t.claimedVolume(v.Name); other != nil {
			if !sameVolume(other.Raw, v.Raw) {
				t.conflict(place(), fmt.Sprintf("instances %s and %s add different volumes named %s", templates.Quote(by), templates.Quote(t.by()), templates.Quote(v.Name)),
					"choose other instance names")
			}
			continue
		}
		t.volumes = append(t.volumes, owned[*templates.Named]{by: t.by(), value: v})
		t.plan.volumes = append(t.plan.volumes, v)
	}
}

func (t *trial) claimedVolume(name string) (by string, volume *templates.Named) {
	for _, list := range [][]owned[*templates.Named]{t.claims.volumes, t.volumes} {
		for _, v := range list {
			if v.value.Name == name {
				return v.by, v.value
			}
		}
	}
	return "", nil
}

// volumeExists reports whether a mount of that volume will find it.
func (t *trial) volumeExists(name string) bool {
	_, claimed := t.claimedVolume(name)
	return claimed != nil || t.pod().volume(name) != nil || slices.Contains(t.claims.job.request.ClaimVolumes, name)
}

// checkMountedVolumes: a mount whose volume is nowhere makes a pod that the API
// server refuses with a message about a field that its author never wrote.
func (t *trial) checkMountedVolumes() {
	var missing []string
	look := func(mounts []templates.Named) {
		for i := range mounts {
			name := mounts[i].Name
			if t.volumeExists(name) || slices.Contains(missing, name) {
				continue
			}
			missing = append(missing, name)
			t.faults = append(t.faults, Fault{Reason: BadParameter, Instance: t.by(), Place: t.candidate.place(),
				Message: fmt.Sprintf("volume %s, which it mounts, is not in the pod", templates.Quote(name)), Fix: t.volumesFix(name)})
		}
	}
	for c := range containersOf(t.addition) {
		look(c.Mounts)
		look(c.Devices)
	}
	look(t.addition.App.Mounts)
	look(t.addition.App.Devices)
}

// volumesFix lists the volumes that there are.
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

// claimScalar takes a value that exists once: key within field. It reports
// whether it is new; a different value of another instance is a conflict.
func (t *trial) claimScalar(field, key string, raw []byte, place func() string) bool {
	for _, list := range [][]owned[scalar]{t.claims.scalars, t.scalars} {
		for _, other := range list {
			if other.value.field != field || other.value.key != key {
				continue
			}
			if !equalJSON(other.value.json, raw) {
				t.conflict(place(), fmt.Sprintf("instances %s and %s want different values", templates.Quote(other.by), templates.Quote(t.by())), "leave one of them out")
			}
			return false
		}
	}
	t.scalars = append(t.scalars, owned[scalar]{by: t.by(), value: scalar{field: field, key: key, json: raw}})
	return true
}

// equalJSON compares two values, whatever the order of members.
func equalJSON(x, y []byte) bool {
	if string(x) == string(y) {
		return true
	}
	a, errA := decodeAny(x)
	b, errB := decodeAny(y)
	return errA == nil && errB == nil && reflect.DeepEqual(a, b)
}
