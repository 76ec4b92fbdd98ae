package inject

import (
	"slices"
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
}

// arrange puts containers of ours into a list of the pod's. Those without a wish
// come before all that is not ours, in their order; the pod's keep theirs.
func arrange(list []standing, added []*templates.Container) []standing {
	for _, c := range added {
		at, wish := wished(list, c.Position)
		list = slices.Insert(list, at, standing{name: c.Name, added: c, wish: wish})
	}
	return list
}

// wished finds the place for the first wish that can be had. Containers with the
// same wish stand in the order in which they came.
func wished(list []standing, position []string) (int, string) {
	for _, wish := range position {
		name, isBefore := strings.CutPrefix(wish, "before:")
		if isBefore {
			if i := index(list, name); i >= 0 {
				return i, wish
			}
			continue
		}
		name, isAfter := strings.CutPrefix(wish, "after:")
		if isAfter {
			if i := index(list, name); i >= 0 {
				return skip(list, i+1, wish), wish
			}
			continue
		}
		switch wish {
		case "first":
			return skip(list, 0, wish), wish
		case "last":
			return len(list), wish
		}
	}
	at := skip(list, 0, "first")
	for i := range list {
		if list[i].ours || list[i].added != nil && list[i].wish == "" {
			at = max(at, i+1)
		}
	}
	return at, ""
}

func index(list []standing, name string) int {
	return slices.IndexFunc(list, func(s standing) bool { return s.name == name })
}

// skip passes those that stand there by the same wish.
func skip(list []standing, at int, wish string) int {
	for at < len(list) && list[at].added != nil && list[at].wish == wish {
		at++
	}
	return at
}

// standingOf lists a pod's containers.
func standingOf(views []containerView, ours names) []standing {
	out := make([]standing, 0, len(views)+4)
	for i := range views {
		out = append(out, standing{name: views[i].Name, ours: ours[views[i].Name]})
	}
	return out
}
