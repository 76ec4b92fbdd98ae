package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// keys reports labels and annotations that belong to the injector. Keys that are expressions are checked when
// they are evaluated.
func keys(s *Sample) []templates.Finding {
	var found found
	metadata := s.Template.Program().Pod.Member("metadata")
	for _, field := range []string{"labels", "annotations"} {
		m := metadata.Member(field)
		if m == nil {
			continue
		}
		for i := range m.Members {
			if key := &m.Members[i]; key.Key == nil && program.ReservedKey(key.Name, "") {
				found.fault(key.Value.Place, templates.ReservedKey, "templates may set the annotation sidecar-injector.dev/config.${instance} only",
					"key %s belongs to sidecar-injector", message.Quote(key.Name))
			}
		}
	}
	return found.list
}
