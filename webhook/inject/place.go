package inject

import (
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// standing is one container in a list that is being assembled: one of the pod's, or an injected one with
// the wish that determined its place.
type standing struct {
	name  string
	ours  bool // listed in the status, from an earlier injection
	added *templates.Container
	wish  string
	// run is set if it is part of the contiguous row of containers with its wish.
	run bool
	// before and after are the indexes of its neighbours in arrangement.list, or none at the ends.
	before, after int

	// by is the instance that adds it.
	by *candidate
	// root is the index of the container that it directly or indirectly follows, its own index if it
	// follows none. tail is, for a root, the index of the last of its followers, its own index if it has
	// none.
	root, tail int
	// follower is the index of the last of those that directly follow it, or none.
	follower int
}

const none = -1

// addedContainer is an injected container and the instance that adds it.
type addedContainer struct {
	*templates.Container
	by *candidate
}

// arrangement is a list of containers into which injected ones are inserted. It is a linked list, because
// templates may add thousands of containers to a pod that has thousands.
//
// A container that wants to stand after another one of its own instance follows it: it is placed directly
// behind it and behind those that already follow it, with their own followers. A container and its
// followers are one unit when a place is searched for other containers.
type arrangement struct {
	list        []standing // the pod's containers, then the injected ones in order of insertion
	first, last int
	byName      map[string]int // nil until a name is looked for
	rows        map[string]int // by wish: the last container of the row with that wish; nil while there is no row
	unwished    int            // the last one that is injected without a wish or from an earlier injection, or none

	// waiting has, by the name of a container, those that want to follow it before it has a place.
	waiting map[string][]addedContainer
	// toCome counts the instance's containers without a place by name; nil if no wish depends on it.
	toCome map[string]int
}

// arrange returns the pod's list with the added containers inserted. Those without a wish come before all
// containers of the app, in their order; the pod's containers keep theirs. It returns nil if none is added.
func arrange(pod []containerView, ours names, added []addedContainer) []standing {
	if len(added) == 0 {
		return nil
	}
	list := make([]standing, 0, len(pod)+len(added))
	for i := range pod {
		list = append(list, standing{name: pod[i].Name, ours: ours[pod[i].Name]})
	}
	a := &arrangement{list: list, first: none, last: none, unwished: none}
	for i := range list {
		s := &a.list[i]
		s.before, s.after, s.root, s.tail, s.follower = i-1, i+1, i, i, none
		if list[i].ours {
			a.unwished = i
		}
	}
	if n := len(list); n > 0 {
		a.first, a.last, a.list[n-1].after = 0, n-1, none
	}
	for start := 0; start < len(added); {
		end := start + 1
		for end < len(added) && added[end].by == added[start].by {
			end++
		}
		a.instance(added[start:end])
		start = end
	}
	out := make([]standing, 0, len(a.list))
	for i := a.first; i != none; i = a.list[i].after {
		out = append(out, a.list[i])
	}
	return out
}

// instance places the containers of one instance. A container that wants to follow a later one waits for
// it.
func (a *arrangement) instance(added []addedContainer) {
	a.toCome, a.waiting = nil, nil
	if !slices.ContainsFunc(added, func(c addedContainer) bool { return len(c.Position) > 0 }) {
		for _, c := range added {
			a.place(c)
		}
		return
	}
	a.toCome = make(map[string]int, len(added))
	for _, c := range added {
		a.toCome[c.Name]++
	}
	for _, c := range added {
		a.orWait(c)
	}
	// Containers that still wait do so for each other, in a cycle, and are placed anyway; a template with
	// such a cycle is rejected when it is loaded.
	a.toCome = nil
	for _, c := range added {
		for _, left := range a.waiting[c.Name] {
			a.place(left)
		}
		delete(a.waiting, c.Name)
	}
}

// orWait places a container and those that waited for it, or lets it wait.
func (a *arrangement) orWait(first addedContainer) {
	for next := []addedContainer{first}; len(next) > 0; {
		c := next[0]
		next = next[1:]
		if name, waits := a.waits(c); waits {
			if a.waiting == nil {
				a.waiting = map[string][]addedContainer{}
			}
			a.waiting[name] = append(a.waiting[name], c)
			continue
		}
		a.place(c)
		a.toCome[c.Name]--
		next = append(next, a.waiting[c.Name]...)
		delete(a.waiting, c.Name)
	}
}

// waits returns the name of the container of the same instance that c wants to follow and that has no place
// yet, if no earlier wish can be fulfilled.
func (a *arrangement) waits(c addedContainer) (name string, waits bool) {
	for _, wish := range c.Position {
		kind, name, _ := strings.Cut(wish, ":")
		switch {
		case kind == "after" && a.toCome[name] > 0 && name != c.Name:
			return name, true
		case name == "" || a.find(name) != none:
			return "", false
		}
	}
	return "", false
}

// place inserts a container according to its first wish that can be fulfilled. Containers with the same
// wish keep the order in which they came.
func (a *arrangement) place(c addedContainer) {
	for _, wish := range c.Position {
		if name, ok := strings.CutPrefix(wish, "before:"); ok {
			if i := a.find(name); i != none {
				a.insert(c, wish, a.list[a.list[i].root].before)
				return
			}
			continue
		}
		if name, ok := strings.CutPrefix(wish, "after:"); ok {
			if i := a.find(name); i != none && a.list[i].by == c.by {
				a.follow(c, i)
				return
			} else if i != none {
				a.row(c, "after:"+a.list[a.list[i].root].name, a.list[i].root)
				return
			}
			continue
		}
		switch wish {
		case "first":
			a.row(c, wish, none)
			return
		case "last":
			a.insert(c, wish, a.last)
			return
		}
	}
	behind := a.unwished
	if last, ok := a.rows["first"]; ok && behind == none {
		behind = last
	}
	a.unwished = a.insert(c, "", behind)
}

// follow inserts a container behind another one of its instance and that one's followers.
func (a *arrangement) follow(c addedContainer, leader int) {
	behind := leader
	for f := a.list[leader].follower; f != none; f = a.list[f].follower {
		behind = f
	}
	i := a.link(c, behind)
	root := a.list[leader].root
	a.list[i].root, a.list[leader].follower = root, i
	if a.list[root].tail == behind {
		a.list[root].tail = i
	}
}

// row inserts a container behind those that have the same wish, or, if there are none, behind start.
func (a *arrangement) row(c addedContainer, wish string, start int) {
	behind := start
	if last, ok := a.rows[wish]; ok {
		behind = last
	}
	if a.rows == nil {
		a.rows = map[string]int{}
	}
	i := a.insert(c, wish, behind)
	a.list[i].run = true
	a.rows[wish] = i
}

// insert inserts a container behind another and its followers, or at the beginning, and returns its index.
// A row that it interrupts ends before it, and later containers of that wish do not pass it.
func (a *arrangement) insert(c addedContainer, wish string, behind int) int {
	if behind != none {
		behind = a.list[a.list[behind].root].tail
	}
	i := a.link(c, behind)
	a.list[i].wish = wish
	if after := a.list[i].after; after != none {
		a.end(after, behind)
	}
	return i
}

// link inserts a container behind another, or at the beginning, and returns its index.
func (a *arrangement) link(c addedContainer, behind int) int {
	i := len(a.list)
	after := a.first
	if behind != none {
		after = a.list[behind].after
	}
	a.list = append(a.list, standing{name: c.Name, added: c.Container, by: c.by, before: behind, after: after, root: i, tail: i, follower: none})
	if behind == none {
		a.first = i
	} else {
		a.list[behind].after = i
	}
	if after == none {
		a.last = i
	} else {
		a.list[after].before = i
	}
	if a.byName != nil {
		if _, taken := a.byName[c.Name]; !taken {
			a.byName[c.Name] = i
		}
	}
	return i
}

// end removes the containers from i on from their row, whose last container is then behind.
func (a *arrangement) end(i, behind int) {
	if !a.list[i].run {
		return
	}
	wish := a.list[i].wish
	if behind != none {
		behind = a.list[behind].root
	}
	if behind != none && a.list[behind].run && a.list[behind].wish == wish {
		a.rows[wish] = behind
	} else {
		delete(a.rows, wish)
	}
	for ; i != none && a.list[i].run && a.list[i].wish == wish; i = a.list[a.list[i].tail].after {
		a.list[i].run = false
	}
}

// find returns the index of the first container of a name, or none.
func (a *arrangement) find(name string) int {
	if a.byName == nil {
		a.byName = make(map[string]int, len(a.list))
		for i := len(a.list) - 1; i >= 0; i-- {
			a.byName[a.list[i].name] = i
		}
	}
	if i, ok := a.byName[name]; ok {
		return i
	}
	return none
}
