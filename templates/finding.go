package templates

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says whether a finding makes its template unusable.
type Severity string

// The severities. A template with an error is broken and not used; one with warnings only is used.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Finding is one fault in a template file.
type Finding struct {
	// File, Line and Column say where, both counted from 1; columns in characters. 0 when unknown.
	File         string
	Line, Column int
	// Path is the field, such as spec.pod.spec.containers[0].image; "" for the whole document.
	Path     string
	Reason   FindingReason
	Severity Severity
	// Message is one sentence; Hint says how to correct it, "" if the message is enough.
	Message, Hint string
	// Excerpt is the source line and, below it, a caret under the character; "" when there is no source.
	Excerpt string
	// Stack is the stack trace of a panic, only for InternalError. It is written to the log only, never shown
	// to users.
	Stack string
}

// String returns file:line:column: severity: path: message [reason], without the parts that are unknown.
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

// MaxFindings is the maximum number of findings of each severity that are reported.
const MaxFindings = 100

// SortFindings sorts findings in place, errors first, then by place, and returns them without duplicates.
func SortFindings(findings []Finding) []Finding {
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity, b.Severity), // "error" before "warning"
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

// Summarize joins findings into one text of at most limit bytes. The findings that do not fit are counted at
// the end.
func Summarize(findings []Finding, limit int) string {
	var b strings.Builder
	for i := range findings {
		text := findings[i].Detail()
		if findings[i].Path != "" {
			text = findings[i].Path + ": " + text
		}
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

// Detail returns the message, with the hint in parentheses if there is one.
func (f *Finding) Detail() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + " (" + f.Hint + ")"
}

// Entry is one template document, good or broken.
type Entry struct {
	// Name, Kind and Namespace are as far as they could be read; Name is "" for a file that cannot be parsed.
	Name, Kind, Namespace string
	Origin                Origin
	// Template is nil if the document is broken, unless a source keeps the last good version here.
	Template *Template
	// Canary says that the document, good or broken, has spec.canary.
	Canary bool
	// Findings are sorted, errors first.
	Findings []Finding
}

// canary reports whether the template in use, or else the document, is a canary.
func (e *Entry) canary() bool {
	if e.Template != nil {
		return e.Template.Canary != nil
	}
	return e.Canary
}

// Broken reports whether any finding is an error.
func (e Entry) Broken() bool {
	return slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Severity == SeverityError })
}
