package inject

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// checkTarget: what one container of the app gets.
func (t *trial) checkTarget(target target) {
	p := targetPlan{target: target}
	app := &t.addition.App
	p.mounts = t.fresh(target, app.Mounts, t.checkMount)
	p.devices = t.fresh(target, app.Devices, t.checkDevice)
	p.env = t.fresh(target, app.Env, t.checkEnv)
	for i := range app.EnvFrom {
		e := &app.EnvFrom[i]
		taken := slices.ContainsFunc(target.view.EnvFrom, func(own rawValue) bool { return equalJSON(own, e.Raw) })
		if !taken && t.claimItem(target, "envFrom", string(e.Raw), &templates.Named{JSON: *e}) {
			p.envFrom = append(p.envFrom, e)
		}
	}
	t.checkHooks(&p)
	if len(p.mounts)+len(p.devices)+len(p.env)+len(p.envFrom)+len(p.probes)+len(p.lifecycle) > 0 {
		t.plan.targets = append(t.plan.targets, p)
	}
}

// fresh are the items that are new to a target. The lists of all targets are parts
// of one, for there may be dozens.
func (t *trial) fresh(target target, items []templates.Named, isNew func(target, *templates.Named) bool) []*templates.JSON {
	start := len(t.items)
	for i := range items {
		if isNew(target, &items[i]) {
			t.items = append(t.items, &items[i].JSON)
		}
	}
	return t.items[start:len(t.items):len(t.items)]
}

// checkUsers warns when a sidecar works with what may be root's alone: files of an
// app that runs as root, or its processes.
func (t *trial) checkUsers(target target) {
	user := func(s *securityContextView) *int64 {
		if s == nil {
			return nil
		}
		return s.RunAsUser
	}
	app := user(target.view.SecurityContext)
	if app == nil {
		app = user(t.pod().spec.SecurityContext)
	}
	if app == nil || *app != 0 {
		return
	}
	shares := t.addition.ShareProcessNamespace != nil && *t.addition.ShareProcessNamespace
	for c := range containersOf(t.addition) {
		id, _ := c.Object().Object("securityContext").Get("runAsUser")
		own, _ := id.(int64)
		common := slices.ContainsFunc(c.Mounts, func(m templates.Named) bool {
			return slices.ContainsFunc(t.addition.App.Mounts, func(a templates.Named) bool { return a.Name == m.Name })
		})
		if own != 0 && (common || shares) {
			t.warn("container %s runs as user %d and %s as root: what only root may read or signal is out of its reach", c.Name, own, target.place())
		}
	}
}

// checkMount compares cleaned paths, as the kubelet sees them.
func (t *trial) checkMount(target target, m *templates.Named) bool {
	mountPath := path.Clean(m.Object().Text("mountPath"))
	place := func() string { return target.place() + ".volumeMounts" }
	for _, own := range target.view.Mounts {
		if path.Clean(own.Path) == mountPath {
			if own.Name == m.Name && own.SubPath == m.Object().Text("subPath") && own.SubPathExpr == m.Object().Text("subPathExpr") {
				t.note("%s: %s is mounted there already", target.place(), mountPath)
				return false
			}
			t.conflict(place(), fmt.Sprintf("container %s mounts volume %s at %s, where instance %s mounts volume %s",
				templates.Quote(target.view.Name), templates.Quote(own.Name), templates.Quote(mountPath), templates.Quote(t.by()), templates.Quote(m.Name)),
				"choose another path, or share the volume if the template has a parameter for that")
			return false
		}
		t.checkNested(target, mountPath, m, path.Clean(own.Path), own)
	}
	for _, list := range [][]owned[targetClaim]{t.claims.perTarget, t.perTarget} {
		for i := range list {
			other := &list[i].value
			if other.kind == "mount" && other.target == (targetID{target.list, target.index}) {
				readOnly, _ := other.item.Object().Get("readOnly")
				t.checkNested(target, mountPath, m, other.key, mountView{Name: other.item.Name, ReadOnly: readOnly == true})
			}
		}
	}
	for _, own := range target.view.Devices {
		if path.Clean(own.Path) == mountPath {
			t.conflict(place(), fmt.Sprintf("container %s has a volume device at %s", templates.Quote(target.view.Name), templates.Quote(mountPath)), "choose another path")
			return false
		}
	}
	return t.claimItem(target, "mount", mountPath, m)
}

// checkNested warns when the kubelet could not make the inner folder.
func (t *trial) checkNested(target target, mine string, m *templates.Named, theirs string, own mountView) {
	within := func(inner, outer string) bool {
		return outer != "/" && len(inner) > len(outer) && inner[len(outer)] == '/' && strings.HasPrefix(inner, outer)
	}
	switch {
	case within(mine, theirs) && (own.ReadOnly || t.readOnlyVolume(own.Name)):
		t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), mine, theirs)
	case within(theirs, mine):
		if readOnly, _ := m.Object().Get("readOnly"); readOnly == true || t.readOnlyVolume(m.Name) {
			t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), theirs, mine)
		}
	}
}

// readOnlyVolume reports whether nothing can be created in the volume.
func (t *trial) readOnlyVolume(name string) bool {
	kind := ""
	if v := t.pod().volume(name); v != nil {
		kind = volumeKind(v.raw)
	} else if _, v := t.claimedVolume(name); v != nil {
		kind = volumeKind(v.Raw)
	}
	switch kind {
	case "configMap", "secret", "projected", "downwardAPI", "image":
		return true
	}
	return false
}

func (t *trial) checkDevice(target target, d *templates.Named) bool {
	devicePath := path.Clean(d.Object().Text("devicePath"))
	place := func() string { return target.place() + ".volumeDevices" }
	for _, own := range target.view.Devices {
		if path.Clean(own.Path) == devicePath {
			if own.Name != d.Name {
				t.conflict(place(), fmt.Sprintf("container %s has volume %s at %s, where instance %s puts volume %s",
					templates.Quote(target.view.Name), templates.Quote(own.Name), templates.Quote(devicePath), templates.Quote(t.by()), templates.Quote(d.Name)), "choose another path")
			}
			return false
		}
	}
	for _, own := range target.view.Mounts {
		if path.Clean(own.Path) == devicePath {
			t.conflict(place(), fmt.Sprintf("container %s mounts a volume at %s", templates.Quote(target.view.Name), templates.Quote(devicePath)), "choose another path")
			return false
		}
	}
	return t.claimItem(target, "mount", devicePath, d)
}

func (t *trial) checkEnv(target target, e *templates.Named) bool {
	if target.view.hasEnv(e.Name) {
		t.note("%s: env %s: the app's own value wins", target.place(), templates.Quote(e.Name))
		return false
	}
	return t.claimItem(target, "env", e.Name, e)
}

// claimItem takes a path or name in a target container. It reports whether it is
// new; another item of another instance under the same key is a conflict.
func (t *trial) claimItem(target target, kind, key string, item *templates.Named) bool {
	id := targetID{target.list, target.index}
	for _, list := range [][]owned[targetClaim]{t.claims.perTarget, t.perTarget} {
		for _, other := range list {
			o := other.value
			if o.target != id || o.kind != kind || o.key != key {
				continue
			}
			if !sameItem(kind, o.item, item) {
				t.conflict(target.place(), fmt.Sprintf("instances %s and %s want different things at %s %s of container %s",
					templates.Quote(other.by), templates.Quote(t.by()), kind, templates.Quote(key), templates.Quote(target.view.Name)),
					"change a parameter of one of them")
			}
			return false
		}
	}
	t.perTarget = append(t.perTarget, owned[targetClaim]{by: t.by(), value: targetClaim{target: id, kind: kind, key: key, item: item}})
	return true
}

// sameItem: mounts agree when they show the same files, whatever their mode.
func sameItem(kind string, a, b *templates.Named) bool {
	if kind == "mount" {
		return a.Name == b.Name && a.Object().Text("subPath") == b.Object().Text("subPath") && a.Object().Text("subPathExpr") == b.Object().Text("subPathExpr")
	}
	return equalJSON(a.Raw, b.Raw)
}

// checkHooks: a probe or a lifecycle hook goes where the container has none. Init
// containers cannot have any.
func (t *trial) checkHooks(p *targetPlan) {
	if p.list == "initContainers" {
		return
	}
	field := func(name string) string { return p.list + strconv.Itoa(p.index) + "." + name }
	app := &t.addition.App
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
