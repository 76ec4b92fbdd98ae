package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// containers reports duplicate and invalid container names, and fields that Kubernetes does not allow in the
// list (initContainers or containers) that holds the container.
func containers(s *Sample) []templates.Finding {
	var found found
	names := map[string]bool{}
	for _, c := range s.containers() {
		where := func(field string) program.Place { return s.place(c.at.Member(field)) }
		if name := c.fields.Text("name"); name != "" {
			if names[name] {
				found.fault(where("name"), templates.DuplicateName, "", "container %s is there twice", message.Quote(name))
			} else {
				label(name, "a container", where("name"), &found)
			}
			names[name] = true
		}
		sidecar := c.fields.Text("restartPolicy") == "Always"
		if c.init && !sidecar {
			for _, field := range []string{"livenessProbe", "readinessProbe", "startupProbe", "lifecycle"} {
				if _, there := c.fields.Get(field); there {
					found.fault(where(field), templates.FieldNotAllowed, "set restartPolicy: Always, or drop the field", "an init container that is no sidecar has no %s", field)
				}
			}
		}
		if !c.init && sidecar {
			found.fault(where("restartPolicy"), templates.FieldNotAllowed, "a native sidecar stands in initContainers", "restartPolicy: Always makes no sense among the containers")
		}
	}
	return found.list
}
