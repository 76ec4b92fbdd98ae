package check

import (
	"fmt"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// modes warns of permissions of files that lack the 0 of an octal number. As decimal numbers these are right for the
// API server, and mean what nobody wants: 440 is 0670.
func modes(s *Sample) []templates.Finding {
	var found found
	for _, volume := range items(s.Template.Program().Pod.Member("spec").Member("volumes")) {
		volume.Walk(func(n *program.Node) {
			for i := range n.Members {
				m := &n.Members[i]
				mode, _ := m.Value.Value.(int64)
				if (m.Name == "mode" || m.Name == "defaultMode") && slices.Contains([]int64{400, 440, 444, 500}, mode) {
					found.add(templates.SeverityWarning, m.Value.Place, templates.BadValue, fmt.Sprintf("write 0%d", mode), fmt.Sprintf("the decimal number %d is the mode %#o", mode, mode))
				}
			}
		})
	}
	return found.list
}
