package check

import (
	"strings"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// keys reports labels and annotations that belong to the injector, and warns of what is an annotation among the labels.
// Keys that are expressions are checked when they are evaluated.
func keys(s *Sample) []templates.Finding {
	var found found
	metadata := s.Template.Program().Pod.Member("metadata")
	for _, field := range []string{"labels", "annotations"} {
		m := metadata.Member(field)
		if m == nil {
			continue
		}
		for i := range m.Members {
			switch key := &m.Members[i]; {
			case key.Key != nil && field == "labels" && strings.HasPrefix(textOf(key.Key), v1alpha1.Domain+"/"):
				found.add(templates.SeverityWarning, key.Key.Place, templates.ReservedKey, "write it in metadata.annotations", "the configuration of a sidecar is an annotation, and this is a label")
			case key.Key == nil && program.ReservedKey(key.Name, ""):
				found.fault(key.Value.Place, templates.ReservedKey, "templates may set the annotation sidecar-injector.dev/config.${instance} only",
					"key %s belongs to sidecar-injector", message.Quote(key.Name))
			}
		}
	}
	return found.list
}
