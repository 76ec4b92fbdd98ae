package check

import (
	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
)

// demands reports examples that the template's own validations refuse. A validation that reads the pod, the
// cluster or the workload is skipped: only a real pod can meet it.
func demands(s *Sample) []templates.Finding {
	var found found
	for _, u := range s.Unmet {
		uses := u.Expression.Reads()
		if !s.Example || u.Warns || len(uses.Paths) > 0 || uses.Cluster || uses.Workload {
			continue
		}
		found.fault(u.Expression.Place, templates.BadExample, "mend the example or the validation", "the validation refuses what is given: %s", message.Printable(message.Cut(u.Message, templates.LongestMessage)))
	}
	return found.list
}
