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
	var told []string
	var at *Node
	for _, list := range e.out.Lists() {
		for _, names := range circles(list) {
			if at == nil {
				at = e.program.Pod.Member("spec").Member(list.Field)
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
func circles(list ContainerList) [][]string {
	leaders := leadersOf(list)
	var found [][]string
	const onPath, done = 1, 2
	state := map[string]int{}
	for _, object := range Objects(list.Items) {
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
func leadersOf(list ContainerList) map[string]string {
	leaders := map[string]string{}
	there := map[string]bool{}
	for _, object := range Objects(list.Items) {
		there[object.Text("name")] = true
	}
	for i, object := range Objects(list.Items) {
		for _, wish := range list.Placement(i).Position {
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
