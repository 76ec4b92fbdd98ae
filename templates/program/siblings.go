package program

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// checkSiblings returns an error for containers whose positions after:NAME form cycles, which cannot be
// ordered. It names every cycle.
func (e *Evaluation) checkSiblings() error {
	spec := e.out.Pod.Object("spec")
	var told []string
	var at *Node
	for _, list := range []struct {
		field      string
		placements []Placement
	}{{"initContainers", e.out.InitContainers}, {"containers", e.out.Containers}} {
		for _, names := range circles(spec.List(list.field), list.placements) {
			if at == nil {
				at = e.program.Pod.Member("spec").Member(list.field)
			}
			if len(names) == 1 {
				told = append(told, fmt.Sprintf("container %s wants to stand after itself", message.Quote(names[0])))
			} else {
				told = append(told, fmt.Sprintf("containers %s want to stand after one another, in a circle", message.List(names)))
			}
		}
	}
	if at == nil {
		return nil
	}
	return e.fault(at, fmt.Errorf("%s, by their $position", strings.Join(told, "; ")))
}

// circles returns the names of the containers on each such cycle, in the order in which they stand after one
// another.
func circles(items []any, placements []Placement) [][]string {
	leaders := leadersOf(items, placements)
	var found [][]string
	const onPath, done = 1, 2
	state := map[string]int{}
	for _, object := range Objects(items) {
		var path []string
		at := object.Text("name")
		for ; at != "" && state[at] == 0; at = leaders[at] {
			state[at] = onPath
			path = append(path, at)
		}
		if state[at] == onPath {
			found = append(found, path[slices.Index(path, at):])
		}
		for _, at := range path {
			state[at] = done
		}
	}
	return found
}

// leadersOf returns, by the name of a container, the one of the same list after which it wants to stand.
func leadersOf(items []any, placements []Placement) map[string]string {
	leaders := map[string]string{}
	there := map[string]bool{}
	for _, object := range Objects(items) {
		there[object.Text("name")] = true
	}
	for i, object := range Objects(items) {
		if i >= len(placements) {
			break
		}
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
	return leaders
}
