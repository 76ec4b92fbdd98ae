package check

import (
	"fmt"
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// resources warns of containers without requests for cpu and memory.
func resources(s *Sample) []templates.Finding {
	var found found
	for _, c := range s.containers() {
		resources := c.fields.Object("resources")
		requests, limits := resources.Object("requests"), resources.Object("limits")
		var missing []string
		for _, name := range []string{"cpu", "memory"} {
			_, requested := requests.Get(name)
			// Kubernetes takes the limit where there is no request.
			if _, limited := limits.Get(name); !requested && !limited {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 && !s.Incomplete {
			found.add(templates.SeverityWarning, s.place(c.at), templates.MissingRequests, "set resources.requests",
				fmt.Sprintf("container %s requests no %s", message.Quote(c.fields.Text("name")), strings.Join(missing, " and no ")))
		}
	}
	return found.list
}
