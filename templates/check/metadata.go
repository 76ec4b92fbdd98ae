package check

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// metadata reports keys of labels and annotations, and values of labels, that Kubernetes would refuse.
func metadata(s *Sample) []templates.Finding {
	var found found
	at := podPath().Member("metadata")
	for _, field := range []string{"labels", "annotations"} {
		for _, m := range s.Pod.Object("metadata").Object(field) {
			here := at.Member(field).Member(m.Name)
			key := m.Name
			if field == "annotations" {
				key = strings.ToLower(key)
			}
			if faults := validation.IsQualifiedName(key); len(faults) > 0 {
				found.fault(s.place(here), templates.BadName, faults[0], "%s is no key", message.Quote(m.Name))
			}
			value, _ := m.Value.(string)
			if field == "labels" {
				if faults := validation.IsValidLabelValue(value); len(faults) > 0 {
					found.fault(s.place(here), templates.BadValue, faults[0], "%s is no value of a label", message.Quote(value))
				}
			}
		}
	}
	return found.list
}
