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
	mine         bool // added by the instance being tried
}

// checkNested warns if a mount lies within another one that is read-only, because the kubelet cannot create
// the mount point there.
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
	// After sorting, paths within a path follow it directly, and the enclosing paths are on the stack, at
	// most one for each element of the path.
	slices.SortStableFunc(all, func(a, b mounted) int { return comparePaths(a.path, b.path) })
	all = slices.CompactFunc(all, func(a, b mounted) bool { return a.path == b.path })
	var around []*mounted
	for i := range all {
		m := &all[i]
		for len(around) > 0 && !within(m.path, around[len(around)-1].path) {
			around = around[:len(around)-1]
		}
		for _, outer := range around {
			t.checkWithin(target, m, outer)
			if t.stopped(1, "its mounts") {
				return
			}
		}
		around = append(around, m)
	}
}

// mountedIn returns all mounts of the target, those that instances add included; none if this instance adds
// none. The slice is valid until the next call.
func (t *trial) mountedIn(target target) []mounted {
	all, mine := t.claims.mounted[:0], false
	last := t.claims.targets.last
	if last == nil {
		return nil
	}
	if all == nil {
		all = make([]mounted, 0, len(target.view.Mounts)+4)
	}
	for i := last[t.pod().number(target.list, target.index)]; i > 0; {
		c := &t.claims.targets.items[i-1]
		i = c.before
		if c.kind == mountItem {
			own := c.by == t.by()
			mine = mine || own
			all = append(all, mounted{path: c.key, volume: c.item.Name, readOnly: c.item.Object().True("readOnly"), mine: own})
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

// checkWithin warns if the mount point of inner cannot be created in outer; at least one of them has to be
// the instance's own.
func (t *trial) checkWithin(target target, inner, outer *mounted) {
	if !inner.mine && !outer.mine || !within(inner.path, outer.path) || !outer.readOnly && !t.readOnlyVolume(outer.volume) {
		return
	}
	if !t.warnings.over() {
		t.warn("%s: mount path %s lies within %s, which cannot be written", target.place(), inner.path, outer.path)
	}
}

// within reports whether inner lies in outer. Being within / does not count.
func within(inner, outer string) bool {
	return outer != "/" && len(inner) > len(outer) && inner[len(outer)] == '/' && strings.HasPrefix(inner, outer)
}

// comparePaths orders paths as if each ended in a slash, so that the paths within a path follow it
// directly.
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

// readOnlyVolume reports whether nothing can be created in the volume, because of its type.
func (t *trial) readOnlyVolume(name string) bool {
	if v := t.pod().volume(name); v != nil {
		return v.readOnly
	}
	v, claimed := t.claims.volumes.find(name)
	return claimed && is(v.value, isReadOnly)
}
