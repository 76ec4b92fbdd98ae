package program

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// checkSiblings returns an error for containers whose positions after:NAME form a cycle, which cannot be
// ordered.
func (e *Evaluation) checkSiblings() error {
	spec := e.out.Pod.Object("spec")
	for _, list := range []struct {
		field      string
		placements []Placement
	}{{"initContainers", e.out.InitContainers}, {"containers", e.out.Containers}} {
		if name := circle(spec.List(list.field), list.placements); name != "" {
			n := e.program.Pod.Member("spec").Member(list.field)
			return e.fault(n, fmt.Errorf("container %s wants to stand after itself, by $position: after: of its own or of those after which it stands", message.Quote(name)))
		}
	}
	return nil
}

// circle returns the name of a container on such a cycle, or "".
func circle(items []any, placements []Placement) string {
	leaders := map[string]string{} // by follower
	there := map[string]bool{}
	for _, item := range items {
		object, _ := item.(Object)
		there[object.Text("name")] = true
	}
	for i, item := range items {
		if i >= len(placements) {
			break
		}
		object, _ := item.(Object)
		for _, wish := range placements[i].Position {
			leader, after := strings.CutPrefix(wish, "after:")
			if after && there[leader] {
				leaders[object.Text("name")] = leader
			}
			if after && there[leader] || wish == "first" || wish == "last" {
				break
			}
		}
	}
	done := map[string]int{} // 1: on the current path, 2: done
	for _, item := range items {
		object, _ := item.(Object)
		var path []string
		for at := object.Text("name"); at != "" && done[at] != 2; at = leaders[at] {
			if done[at] == 1 {
				return at
			}
			done[at] = 1
			path = append(path, at)
		}
		for _, at := range path {
			done[at] = 2
		}
	}
	return ""
}
