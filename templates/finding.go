package templates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding breaks its template.
type Severity string

// The severities. A template with an Error is broken; one with Warnings alone is used.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one thing that is wrong with a template file.
type Finding struct {
	// File, Line and Column say where, both counted from 1; columns in characters. 0 when unknown.
	File         string
	Line, Column int
	// Path is the field, such as spec.pod.spec.containers[0].image; "" for the whole document.
	Path     string
	Reason   FindingReason
	Severity Severity
	// Message is one sentence; Hint says what to do, "" if the message says it all.
	Message, Hint string
	// Excerpt is the source line and, below it, a caret under the character; "" when there is no source.
	Excerpt string
	// Stack is that of a panic, for the log alone: no person is shown it. "" but for InternalError.
	Stack string
}

// String is file:line:column: severity: path: message [reason], without what is unknown.
func (f Finding) String() string {
	text := fmt.Sprintf("%s [%s]", f.Message, f.Reason)
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	text = string(f.Severity) + ": " + text
	switch {
	case f.File == "":
		return text
	case f.Line == 0:
		return f.File + ": " + text
	default:
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, text)
	}
}

// MaxFindings bounds what is reported of each severity; whoever mends a hundred looks again.
const MaxFindings = 100

// SortFindings puts errors first, then by place; equal findings become one.
func SortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank(a.Severity), rank(b.Severity)),
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path),
			cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return slices.Compact(findings)
}

func rank(s Severity) int {
	if s == SeverityError {
		return 0
	}
	return 1
}

// Summarize puts findings into one text of at most limit bytes: the first one stands for
// itself, and what has no room is counted.
func Summarize(findings []Finding, limit int) string {
	var b strings.Builder
	for i := range findings {
		text := findings[i].sentence()
		if i > 0 {
			text = "; " + text
		}
		more := fmt.Sprintf("; and %d more", len(findings)-i)
		if b.Len()+len(text)+len(more) > limit && i > 0 {
			b.WriteString(more)
			break
		}
		b.WriteString(text)
	}
	text := b.String()
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}

// sentence is the finding without file and severity: path: message (hint).
func (f *Finding) sentence() string {
	text := f.Detail()
	if f.Path != "" {
		text = f.Path + ": " + text
	}
	return text
}

// Detail is the message with the hint.
func (f *Finding) Detail() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + " (" + f.Hint + ")"
}

// Entry is one template document, good or broken.
type Entry struct {
	// Name, Kind and Namespace as far as they could be read; Name is "" for a file that cannot be parsed.
	Name, Kind, Namespace string
	Origin                Origin
	// Template is nil when the document is broken, unless a source puts the last good one here.
	Template *Template
	// Canary says that the document, good or broken, is about a template to be tried in the place of another.
	Canary bool
	// Findings are sorted, errors first.
	Findings []Finding
}

// canary says whether what is in force of the entry takes the place of another template.
func (e *Entry) canary() bool {
	if e.Template != nil {
		return e.Template.Canary != nil
	}
	return e.Canary
}

// Broken says whether a finding is an error.
func (e Entry) Broken() bool {
	for i := range e.Findings {
		if e.Findings[i].Severity == SeverityError {
			return true
		}
	}
	return false
}
