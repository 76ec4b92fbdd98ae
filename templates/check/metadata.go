package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/requirement"
)

// metadata reports keys of labels and annotations, and values of labels, that Kubernetes would refuse.
func metadata(s *Sample) []templates.Finding {
	var found found
	for _, wrong := range requirement.Metadata(s.Pod.Object("metadata"), podPath().Member("metadata")) {
		reason := templates.BadValue
		if wrong.Key {
			reason = templates.BadName
		}
		found.fault(s.place(wrong.At), reason, wrong.Hint, "%s", wrong.Message)
	}
	return found.list
}
