package check

import (
	"cmp"
	"errors"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// failures reports expressions that could not be evaluated: an error if no pod can make one
// work, a warning if it counts on something that the sample pod lacks.
func failures(s *Sample) []templates.Finding {
	var found found
	for _, f := range s.Trace.Failed {
		failure(s, f, &found)
	}
	switch fault := (*program.Error)(nil); {
	case errors.As(s.Err, &fault):
		found.list = append(found.list, templates.Finding{
			Line: fault.Line, Column: fault.Column, Path: fault.Path, Reason: templates.BadValue, Severity: templates.SeverityError, Message: fault.Message,
		})
	case s.Err != nil:
		found.fault(program.Place{}, templates.BadValue, "", "%s", s.Err)
	}
	return found.list
}

func failure(s *Sample, f program.Failure, found *found) {
	uses := f.Node.Reads()
	if slices.ContainsFunc(s.MadeUp, func(name string) bool { return slices.Contains(uses.Parameters, name) }) {
		return // with the real value it may well work
	}
	reason, hint := templates.ExpressionFailed, ""
	var e *expression.Error
	if errors.As(f.Err, &e) {
		reason, hint = templates.FindingReason(e.Reason), e.Hint
	} else if fault := (*schema.Fault)(nil); errors.As(f.Err, &fault) {
		reason, hint = templates.FindingReason(fault.Reason), fault.Hint
	}
	severity, text := templates.SeverityError, f.Err.Error()
	// What takes too much work for the smallest pod does so for every pod.
	if uses.MayBeAbsent() && reason != templates.ExpressionCost {
		severity = templates.SeverityWarning
		text = "fails for a pod that has only a name and one container: " + text
		hint = cmp.Or(hint, "read what may be absent with ? and orValue")
	}
	found.add(severity, f.Node.Place, reason, hint, text)
}
