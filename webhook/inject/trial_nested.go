package inject

import (
	"path"
	"slices"
	"strings"
)

// mounted is a path at which something is mounted in a target container.
type mounted struct {
	path, volume string
	readOnly     bool
	mine         bool // of the instance that is tried
}

// checkNested warns when the kubelet could not make the folder that one mount needs in
// another.
func (t *trial) checkNested(target target) {
	all := t.mountedIn(target)
	if len(all) <= short {
		for i := range all {
			for k := range all[:i] {
				t.checkWithin(target, &all[i], &all[k])
				t.checkWithin(target, &all[k], &all[i])
			}
		}
		return
	}
	// Sorted, what lies within a path follows it, and the paths around it are on the stack: as
	// many as the path has parts at most.
	slices.SortStableFunc(all, func(a, b mounted) int { return comparePaths(a.path, b.path) })
	all = slices.CompactFunc(all, func(a, b mounted) bool { return a.path == b.path })
	var around []*mounted
	for i := range all {
		m := &all[i]
		for len(around) > 0 && !within(m.path, around[len(around)-1].path) {
			around = around[:len(around)-1]
		}
		for _, outer := range around {
			if t.checkWithin(target, m, outer); t.stopped(1, "its mounts") {
				return
			}
		}
		around = append(around, m)
	}
}

// mountedIn are all mounts of the target, those of the instances included; none if this
// instance has none. The slice is good until the next call.
func (t *trial) mountedIn(target target) []mounted {
	all, mine := t.claims.mounted[:0], false
	last := t.claims.targets.last
	if last == nil {
		return nil
	}
	if all == nil {
		all = make([]mounted, 0, short)
	}
	for i := last[t.pod().number(target.list, target.index)]; i > 0; {
		c := &t.claims.targets.items[i-1]
		if i = c.before; c.kind == mountItem {
			own := c.by == t.by()
			mine = mine || own
			readOnly, _ := c.item.Object().Get("readOnly")
			all = append(all, mounted{path: c.key, volume: c.item.Name, readOnly: readOnly == true, mine: own})
		}
	}
	t.claims.mounted = all
	if !mine || t.stopped(len(all)+len(target.view.Mounts), "its mounts") {
		return nil
	}
	for i := range target.view.Mounts {
		m := &target.view.Mounts[i]
		all = append(all, mounted{path: path.Clean(m.Path), volume: m.Name, readOnly: m.ReadOnly})
	}
	t.claims.mounted = all
	return all
}

// checkWithin warns if the inner of two mounts cannot be made; one of them is the instance's own.
func (t *trial) checkWithin(target target, inner, outer *mounted) {
	if !inner.mine && !outer.mine || !within(inner.path, outer.path) || !outer.readOnly && !t.readOnlyVolume(outer.volume) {
		return
	}
	if !t.warnings.over() {
		t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), inner.path, outer.path)
	}
}

// within reports whether a path lies in another; everything lies in /, which tells nothing.
func within(inner, outer string) bool {
	return outer != "/" && len(inner) > len(outer) && inner[len(outer)] == '/' && strings.HasPrefix(inner, outer)
}

// comparePaths orders paths as if each ended in a slash, so that nothing stands between a
// path and what lies in it.
func comparePaths(a, b string) int {
	n := min(len(a), len(b))
	if c := strings.Compare(a[:n], b[:n]); c != 0 || len(a) == len(b) {
		return c
	}
	if len(a) < len(b) {
		return -1 * comparePaths(b, a)
	}
	if a[n] < '/' {
		return -1
	}
	return 1
}

// readOnlyVolume reports whether nothing can be created in the volume.
func (t *trial) readOnlyVolume(name string) bool {
	var raw []byte
	if v := t.pod().volume(name); v != nil {
		raw = v.raw
	} else if v, claimed := t.claims.volumes.find(name); claimed {
		raw = v.value.Raw
	}
	return raw != nil && hasMember(raw, "configMap", "secret", "projected", "downwardAPI", "image")
}
