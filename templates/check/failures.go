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

// failures reports expressions that could not be evaluated: as an error if they fail for every pod, as a
// warning if they read something that the sample pod lacks.
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
		return // it read a made-up value; a real one may work
	}
	reason, hint := templates.ExpressionFailed, ""
	var e *expression.Error
	if errors.As(f.Err, &e) {
		reason, hint = templates.FindingReason(e.Reason), e.Hint
	} else if fault := (*schema.Fault)(nil); errors.As(f.Err, &fault) {
		reason, hint = templates.FindingReason(fault.Reason), fault.Hint
	}
	severity, text := templates.SeverityError, f.Err.Error()
	// An expression that costs too much for the smallest pod costs too much for every pod.
	if uses.MayBeAbsent() && reason != templates.ExpressionCost {
		severity = templates.SeverityWarning
		text = "fails for a pod that has only a name and one container: " + text
		hint = cmp.Or(hint, "read what may be absent with ? and orValue")
	}
	found.add(severity, failedAt(f), reason, hint, text)
}

// failedAt returns the place of the character at which an evaluation failed; that of the expression if it is
// unknown.
func failedAt(f program.Failure) program.Place {
	where := f.Node.Place
	where.Line, where.Column = f.Node.Locate(f.Offset)
	return where
}
