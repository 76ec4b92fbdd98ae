package inject

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
)

// standing is one container in a list under assembly: one of the pod's, or one
// of ours with the wish that put it there.
type standing struct {
	name  string
	ours  bool // listed in the status, from an earlier injection
	added *templates.Container
	wish  string
	// run is set for one that stands in the unbroken row of its wish.
	run bool
	// before and after are the places of its neighbours in the arrangement's list; none at the ends.
	before, after int
}

const none = -1

// arrangement is a list of containers into which ours are put. It is linked, because
// templates may add thousands to a pod that has thousands.
type arrangement struct {
	list        []standing // the pod's, then ours as they come
	first, last int
	byName      map[string]int // nil until a name is looked for
	rows        map[string]int // by wish: the last of the row that those with the same wish make; nil until there is one
	unwished    int            // the last that is ours without a wish, or from an earlier injection; none
}

// arrange puts containers of ours into a list of the pod's. Those without a wish
// come before all that is not ours, in their order; the pod's keep theirs. Nil if there are none
// of ours.
func arrange(pod []containerView, ours names, added []*templates.Container) []standing {
	if len(added) == 0 {
		return nil
	}
	list := make([]standing, 0, len(pod)+len(added))
	for i := range pod {
		list = append(list, standing{name: pod[i].Name, ours: ours[pod[i].Name]})
	}
	a := &arrangement{list: list, first: none, last: none, unwished: none}
	for i := range list {
		a.list[i].before, a.list[i].after = i-1, i+1
		if list[i].ours {
			a.unwished = i
		}
	}
	if n := len(list); n > 0 {
		a.first, a.last, a.list[n-1].after = 0, n-1, none
	}
	for _, c := range added {
		a.place(c)
	}
	out := make([]standing, 0, len(a.list))
	for i := a.first; i != none; i = a.list[i].after {
		out = append(out, a.list[i])
	}
	return out
}

// place finds the place for the first wish that can be had. Containers with the
// same wish stand in the order in which they came.
func (a *arrangement) place(c *templates.Container) {
	for _, wish := range c.Position {
		if name, ok := strings.CutPrefix(wish, "before:"); ok {
			if i := a.find(name); i != none {
				a.insert(c, wish, a.list[i].before)
				return
			}
			continue
		}
		if name, ok := strings.CutPrefix(wish, "after:"); ok {
			if i := a.find(name); i != none {
				a.row(c, wish, i)
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

// row puts a container behind those that have the same wish, the first of which stands
// behind start.
func (a *arrangement) row(c *templates.Container, wish string, start int) {
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

// insert puts a container behind another, or at the beginning, and gives its place. A row
// into which it comes ends before it: what stood there is passed no more.
func (a *arrangement) insert(c *templates.Container, wish string, behind int) int {
	i := len(a.list)
	after := a.first
	if behind != none {
		after = a.list[behind].after
	}
	a.list = append(a.list, standing{name: c.Name, added: c, wish: wish, before: behind, after: after})
	if behind == none {
		a.first = i
	} else {
		a.list[behind].after = i
	}
	if after == none {
		a.last = i
	} else {
		a.list[after].before = i
		a.end(after, behind)
	}
	if a.byName != nil {
		if _, taken := a.byName[c.Name]; !taken {
			a.byName[c.Name] = i
		}
	}
	return i
}

// end takes what stands from i on out of its row, whose last is now behind.
func (a *arrangement) end(i, behind int) {
	if !a.list[i].run {
		return
	}
	wish := a.list[i].wish
	if behind != none && a.list[behind].run && a.list[behind].wish == wish {
		a.rows[wish] = behind
	} else {
		delete(a.rows, wish)
	}
	for ; i != none && a.list[i].run && a.list[i].wish == wish; i = a.list[i].after {
		a.list[i].run = false
	}
}

// find is the place of the first container of a name, or none.
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
