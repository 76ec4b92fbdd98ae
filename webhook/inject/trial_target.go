package inject

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// checkTarget: what one container of the app gets.
func (t *trial) checkTarget(target target) {
	p := targetPlan{target: target}
	app := t.addition.app
	for _, m := range app.mounts {
		if t.checkMount(target, m) {
			p.mounts = append(p.mounts, m.object)
		}
	}
	for _, d := range app.devices {
		if t.checkDevice(target, d) {
			p.devices = append(p.devices, d.object)
		}
	}
	for _, e := range app.env {
		if t.checkEnv(target, e) {
			p.env = append(p.env, e.object)
		}
	}
	for _, e := range app.envFrom {
		taken := false
		for _, own := range target.view.EnvFrom {
			taken = taken || equalJSON(own, e)
		}
		if !taken && t.claimItem(target, "envFrom", string(templates.AppendJSON(nil, e)), addedNamed{}) {
			p.envFrom = append(p.envFrom, e)
		}
	}
	for _, h := range app.hooks {
		t.checkHook(&p, h)
	}
	if len(p.mounts)+len(p.devices)+len(p.env)+len(p.envFrom)+len(p.hooks)+len(p.lifecycle) > 0 {
		t.plan.targets = append(t.plan.targets, p)
	}
}

// checkMount compares cleaned paths, as the kubelet sees them.
func (t *trial) checkMount(target target, m addedNamed) bool {
	mountPath := path.Clean(m.object.Text("mountPath"))
	place := target.place() + ".volumeMounts"
	for _, own := range target.view.Mounts {
		if path.Clean(own.Path) == mountPath {
			if own.Name == m.name && own.SubPath == m.object.Text("subPath") && own.SubPathExpr == m.object.Text("subPathExpr") {
				t.note("%s: %s is mounted there already", target.place(), mountPath)
				return false
			}
			t.conflict(place, fmt.Sprintf("container %s mounts volume %s at %s, where instance %s mounts volume %s",
				templates.Quote(target.view.Name), templates.Quote(own.Name), templates.Quote(mountPath), templates.Quote(t.by()), templates.Quote(m.name)),
				"choose another path, or share the volume if the template has a parameter for that")
			return false
		}
		t.checkNested(target, mountPath, m, path.Clean(own.Path), own)
	}
	for _, own := range target.view.Devices {
		if path.Clean(own.Path) == mountPath {
			t.conflict(place, fmt.Sprintf("container %s has a volume device at %s", templates.Quote(target.view.Name), templates.Quote(mountPath)), "choose another path")
			return false
		}
	}
	return t.claimItem(target, "mount", mountPath, m)
}

// checkNested warns when the kubelet could not make the inner folder.
func (t *trial) checkNested(target target, mine string, m addedNamed, theirs string, own mountView) {
	within := func(inner, outer string) bool { return outer != "/" && strings.HasPrefix(inner, outer+"/") }
	switch {
	case within(mine, theirs) && (own.ReadOnly || t.readOnlyVolume(own.Name)):
		t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), mine, theirs)
	case within(theirs, mine):
		if readOnly, _ := m.object.Get("readOnly"); readOnly == true || t.readOnlyVolume(m.name) {
			t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), theirs, mine)
		}
	}
}

// readOnlyVolume reports whether nothing can be created in the volume.
func (t *trial) readOnlyVolume(name string) bool {
	kind := ""
	if v := t.pod().volume(name); v != nil {
		kind = volumeKind(v.raw)
	} else if v, ok := t.claimedVolume(name); ok {
		kind = volumeKind(v.value.object.AppendJSON(nil))
	}
	switch kind {
	case "configMap", "secret", "projected", "downwardAPI", "image":
		return true
	}
	return false
}

func (t *trial) checkDevice(target target, d addedNamed) bool {
	devicePath := path.Clean(d.object.Text("devicePath"))
	place := target.place() + ".volumeDevices"
	for _, own := range target.view.Devices {
		if path.Clean(own.Path) == devicePath {
			if own.Name != d.name {
				t.conflict(place, fmt.Sprintf("container %s has volume %s at %s, where instance %s puts volume %s",
					templates.Quote(target.view.Name), templates.Quote(own.Name), templates.Quote(devicePath), templates.Quote(t.by()), templates.Quote(d.name)), "choose another path")
			}
			return false
		}
	}
	for _, own := range target.view.Mounts {
		if path.Clean(own.Path) == devicePath {
			t.conflict(place, fmt.Sprintf("container %s mounts a volume at %s", templates.Quote(target.view.Name), templates.Quote(devicePath)), "choose another path")
			return false
		}
	}
	return t.claimItem(target, "mount", devicePath, d)
}

func (t *trial) checkEnv(target target, e addedNamed) bool {
	if target.view.hasEnv(e.name) {
		t.note("%s: env %s: the app's own value wins", target.place(), templates.Quote(e.name))
		return false
	}
	return t.claimItem(target, "env", e.name, e)
}

// claimItem takes a path or name in a target container. It reports whether it is
// new; another item of another instance under the same key is a conflict.
func (t *trial) claimItem(target target, kind, key string, item addedNamed) bool {
	at := target.path()
	for _, list := range [][]owned[targetClaim]{t.claims.perTarget, t.perTarget} {
		for _, other := range list {
			o := other.value
			if o.target != at || o.kind != kind || o.key != key {
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
	t.perTarget = append(t.perTarget, owned[targetClaim]{by: t.by(), value: targetClaim{target: at, kind: kind, key: key, item: item}})
	return true
}

// sameItem: mounts agree when they show the same files, whatever their mode.
func sameItem(kind string, a, b addedNamed) bool {
	if kind == "mount" {
		return a.name == b.name && a.object.Text("subPath") == b.object.Text("subPath") && a.object.Text("subPathExpr") == b.object.Text("subPathExpr")
	}
	return equalJSON(a.object.AppendJSON(nil), b.object)
}

// checkHook: a probe or a lifecycle hook goes where the container has none. Init
// containers cannot have any.
func (t *trial) checkHook(p *targetPlan, h templates.Member) {
	if p.list == "initContainers" {
		return
	}
	if h.Name != "lifecycle" {
		taken := map[string]bool{"livenessProbe": p.view.Liveness, "readinessProbe": p.view.Readiness, "startupProbe": p.view.Startup}[h.Name]
		if taken {
			t.note("%s: %s: the app's own wins", p.place(), h.Name)
		} else if t.claimScalar(p.path()+"/"+h.Name, p.place()+"."+h.Name, h.Value) {
			p.hooks = append(p.hooks, h)
		}
		return
	}
	hooks, _ := h.Value.(templates.Object)
	for _, hook := range hooks {
		if slices.Contains(p.view.Lifecycle, hook.Name) {
			t.note("%s: lifecycle.%s: the app's own wins", p.place(), hook.Name)
		} else if t.claimScalar(p.path()+"/lifecycle/"+hook.Name, p.place()+".lifecycle."+hook.Name, hook.Value) {
			p.lifecycle = append(p.lifecycle, hook)
		}
	}
}
