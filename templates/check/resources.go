package check

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// resources warns of containers without requests for cpu and memory, and refuses requests above
// their limit.
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
		most := make(map[string]any, len(limits))
		for _, m := range limits {
			most[m.Name] = m.Value
		}
		for _, m := range requests {
			limit, ok := most[m.Name]
			if request := quantity(m.Value); ok && request.Cmp(quantity(limit)) > 0 {
				found.fault(s.place(c.at.Member("resources").Member("requests").Member(m.Name)), templates.BadValue, "",
					"request %s is above the limit %s", message.Quote(scalar(m.Value)), message.Quote(scalar(limit)))
			}
		}
	}
	return found.list
}

// scalar is a string or number as text.
func scalar(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return string(program.AppendJSON(nil, v))
}

// quantity reads a value whose type has been checked.
func quantity(v any) resource.Quantity {
	q, _ := schema.ParseQuantity(scalar(v))
	return q
}
