package inject

import (
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// checkTargets plans what each of the app's containers gets.
func (t *trial) checkTargets() {
	for i, target := range t.candidate.targets {
		app := t.addition.For(i)
		items := 1 + len(app.Mounts) + len(app.Devices) + len(app.Env) + len(app.EnvFrom) + len(app.Probes) + len(app.Lifecycle)
		if t.stopped(items, "what it adds to the app's containers") {
			return
		}
		t.checkTarget(target, app)
		t.checkUsers(target)
	}
}

func (t *trial) checkTarget(target target, app *templates.AppParts) {
	p := targetPlan{target: target}
	p.mounts = t.fresh(target, app.Mounts, t.checkMount)
	p.devices = t.fresh(target, app.Devices, t.checkDevice)
	if len(app.Mounts)+len(app.Devices) > 0 {
		t.checkNested(target)
	}
	t.checkEnvironment(&p, app)
	p.envFrom = t.checkEnvFrom(target, app)
	t.checkHooks(&p, app)
	if len(p.mounts)+len(p.devices)+len(p.env)+len(p.firstEnv)+len(p.joins)+len(p.envFrom)+len(p.probes)+len(p.lifecycle) > 0 {
		t.plan.targets = append(t.plan.targets, p)
	}
}

// fresh returns the items that are new to a target. The lists of all targets are slices of one array, to
// save allocations.
func (t *trial) fresh(target target, items []templates.Named, isNew func(target, *templates.Named) bool) []*templates.JSON {
	start := len(t.items)
	for i := range items {
		if t.ended() {
			break
		}
		if isNew(target, &items[i]) {
			t.items = append(t.items, &items[i].JSON)
		}
	}
	return t.items[start:len(t.items):len(t.items)]
}

// checkMount reports whether a mount is new to a container. Paths are compared cleaned, as the kubelet sees
// them.
func (t *trial) checkMount(target target, m *templates.Named) bool {
	mountPath := path.Clean(m.Object().Text("mountPath"))
	place := func() string { return target.place() + ".volumeMounts" }
	if own := target.view.mountAt(mountPath); own != nil {
		if own.Name == m.Name && own.SubPath == m.Object().Text("subPath") && own.SubPathExpr == m.Object().Text("subPathExpr") {
			if !t.notes.over() {
				t.note("%s: %s is mounted there already", target.place(), mountPath)
			}
			return false
		}
		t.mountConflict(place(), target.view.Name, mountPath, own, m)
		return false
	}
	if target.view.deviceAt(mountPath) != nil {
		t.conflict(place(), fmt.Sprintf("container %s has a volume device at %s", message.Quote(target.view.Name), message.Quote(mountPath)), "choose another path")
		return false
	}
	return t.claimItem(target, mountItem, mountPath, m)
}

// mountConflict records that the app mounts something else at the path, and how to resolve that.
func (t *trial) mountConflict(place, container, mountPath string, own *mountView, m *templates.Named) {
	if own.Name == m.Name {
		t.conflict(place, fmt.Sprintf("container %s mounts another part of volume %s at %s than instance %s does: its %s differs",
			message.Quote(container), message.Quote(own.Name), message.Quote(mountPath), message.Quote(t.by()), differentPart(own, m)),
			"choose another path, or mount the same part of the volume")
		return
	}
	fix := "choose another path, or share the volume if the template has a parameter for that"
	if known := t.candidate.template.ParameterNames(); slices.Contains(known, volumeParameter) {
		if chosen, ok := lookup(t.candidate.given, volumeParameter); !ok || chosen.text == m.Name {
			fix = fmt.Sprintf("share the app's volume by the annotation %s%s/%s: %s, or choose another path", t.by(), parameterSuffix, volumeParameter, Shorten(own.Name, maxShown))
		} else { // the parameter is for another mount
			fix = t.anotherPath(container, mountPath)
		}
	}
	t.conflict(place, fmt.Sprintf("container %s mounts volume %s at %s, where instance %s mounts volume %s",
		message.Quote(container), message.Quote(own.Name), message.Quote(mountPath), message.Quote(t.by()), message.Quote(m.Name)), fix)
}

// anotherPath says which parameter to change so that the template mounts nothing at the path, as far as a
// parameter names it, or a file directly in it.
func (t *trial) anotherPath(container, mountPath string) string {
	for _, p := range t.candidate.template.Parameters() {
		g, ok := lookup(t.candidate.given, p.Name)
		if target := path.Clean(g.text); ok && p.Type == v1alpha1.TypePath && (target == mountPath || path.Dir(target) == mountPath) {
			return fmt.Sprintf("give %s a path in a folder where container %s mounts nothing", g.parameter, message.Quote(container))
		}
	}
	return "choose another path"
}

// volumeParameter is the conventional name of the template parameter that selects a volume of the pod.
const volumeParameter = "volume"

func differentPart(own *mountView, m *templates.Named) string {
	if own.SubPathExpr != m.Object().Text("subPathExpr") {
		return "subPathExpr"
	}
	return "subPath"
}

func (t *trial) checkDevice(target target, d *templates.Named) bool {
	devicePath := path.Clean(d.Object().Text("devicePath"))
	place := func() string { return target.place() + ".volumeDevices" }
	if own := target.view.deviceAt(devicePath); own != nil {
		if own.Name != d.Name {
			t.conflict(place(), fmt.Sprintf("container %s has volume %s at %s, where instance %s puts volume %s",
				message.Quote(target.view.Name), message.Quote(own.Name), message.Quote(devicePath), message.Quote(t.by()), message.Quote(d.Name)), "choose another path")
		}
		return false
	}
	if target.view.mountAt(devicePath) != nil {
		t.conflict(place(), fmt.Sprintf("container %s mounts a volume at %s", message.Quote(target.view.Name), message.Quote(devicePath)), "choose another path")
		return false
	}
	return t.claimItem(target, mountItem, devicePath, d)
}

func (t *trial) checkEnvFrom(target target, app *templates.AppParts) []*templates.JSON {
	list := app.EnvFrom
	if (t.envFrom == nil || t.envFromOf != app) && len(target.view.EnvFrom) > 0 {
		t.envFrom, t.envFromOf = nil, app
		for i := range list {
			t.envFrom = append(t.envFrom, canonicalJSON(list[i].Raw))
		}
	}
	var fresh []*templates.JSON
	for i := range list {
		e := &list[i]
		if len(target.view.EnvFrom) > 0 && target.view.hasEnvFrom(t.envFrom[i]) {
			continue
		}
		if t.claimItem(target, envFromItem, string(e.Raw), &templates.Named{JSON: *e}) {
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// claimItem claims a path or name in an app container. It reports whether the claim is new; a different
// item of another instance under the same key is a conflict.
func (t *trial) claimItem(target target, kind itemKind, key string, item *templates.Named) bool {
	id := targetKey{target: t.pod().number(target.list, target.index), kind: kind, key: key}
	if other := t.claims.targets.find(id); other != nil {
		if !t.sameItem(kind, other.item, item) {
			t.itemConflict(target, kind, key, other.by)
		}
		return false
	}
	t.claims.targets.add(targetClaim{targetKey: id, by: t.by(), item: item}, t.pod().count())
	t.grow(len(item.Raw) + 1)
	return true
}

// itemConflict records that an item differs from one of another instance, or of the same, under the same key.
func (t *trial) itemConflict(target target, kind itemKind, key, other string) {
	place, fix := target.place(), "change a parameter of one of them, or ask for one of the two only"
	if other == t.by() {
		t.conflict(place, fmt.Sprintf("instance %s adds %s %s of container %s twice",
			message.Quote(other), kind, message.Quote(key), message.Quote(target.view.Name)), "change its parameters or its template")
		return
	}
	if g, ok := t.candidate.givenAs(v1alpha1.TypePath, key); ok && kind == mountItem {
		place = g.place(t.claims.job.request.Namespace.Name)
		fix = fmt.Sprintf("give %s another path than %s has, or ask for one of the two only", g.parameter, Shorten(other, maxShown))
	}
	t.conflict(place, fmt.Sprintf("instances %s and %s want different things at %s %s of container %s",
		message.Quote(other), message.Quote(t.by()), kind, message.Quote(key), message.Quote(target.view.Name)), fix)
}

// sameItem reports whether two items agree. Mounts agree if they show the same files, even if only one is
// read-only.
func (t *trial) sameItem(kind itemKind, a, b *templates.Named) bool {
	if kind == mountItem {
		return a.Name == b.Name && a.Object().Text("subPath") == b.Object().Text("subPath") && a.Object().Text("subPathExpr") == b.Object().Text("subPathExpr")
	}
	return t.equal(a.Raw, b.Raw, equalJSON)
}

// checkHooks plans probes and lifecycle hooks, which are added if the container has none. Init containers
// that run and end cannot have any.
func (t *trial) checkHooks(p *targetPlan, app *templates.AppParts) {
	if p.list == "initContainers" && !p.sidecar() {
		return
	}
	field := func(name string) string { return p.list + strconv.Itoa(p.index) + "." + name }
	for i := range app.Probes {
		h := &app.Probes[i]
		taken := h.Name == "livenessProbe" && p.view.Liveness || h.Name == "readinessProbe" && p.view.Readiness || h.Name == "startupProbe" && p.view.Startup
		place := func() string { return p.place() + "." + h.Name }
		if taken {
			t.note("%s: the app's own wins", place())
		} else if t.claimScalar(field(h.Name), "", h.Raw, place) {
			p.probes = append(p.probes, h)
		}
	}
	for i := range app.Lifecycle {
		h := &app.Lifecycle[i]
		place := func() string { return p.place() + ".lifecycle." + h.Name }
		if slices.Contains(p.view.Lifecycle, h.Name) {
			t.note("%s: the app's own wins", place())
		} else if t.claimScalar(field("lifecycle"), h.Name, h.Raw, place) {
			p.lifecycle = append(p.lifecycle, h)
		}
	}
}
