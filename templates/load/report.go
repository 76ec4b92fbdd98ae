package load

import (
	"fmt"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// report collects the findings of one document.
type report struct {
	file string // "" for a resource of the cluster, whose author knows no line numbers
	text text
	// kubernetes is the release for which templates are checked; nil if unknown.
	kubernetes *version.Version
	findings   []templates.Finding
	// errors and warnings count all findings, including those that were dropped.
	errors, warnings int
}

// Maximum lengths of a finding's path and texts in bytes; names and values of a template have no maximum
// length.
const maxPath, maxText = 512, 2048

// fault adds an error at a node; a nil at means the document.
func (r *report) fault(n *yaml.Node, at *schema.Path, reason templates.FindingReason, hint, format string, args ...any) {
	f := templates.Finding{Path: at.String(), Reason: reason, Severity: templates.SeverityError, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Line, f.Column = n.Line, n.Column
	}
	r.add(f)
}

func (r *report) warn(n *yaml.Node, at *schema.Path, reason templates.FindingReason, message string) {
	r.add(templates.Finding{Line: n.Line, Column: n.Column, Path: at.String(), Reason: reason, Severity: templates.SeverityWarning, Message: message})
}

func (r *report) faults(faults []schema.Fault) {
	for i := range faults {
		f := &faults[i]
		found := templates.Finding{Path: f.Path, Reason: templates.FindingReason(f.Reason), Severity: templates.SeverityError, Hint: f.Hint, Message: f.Message}
		if f.Node != nil {
			found.Line, found.Column = f.Node.Line, f.Node.Column
		}
		r.add(found)
	}
}

// add adds a finding, completed with file and excerpt.
func (r *report) add(f templates.Finding) {
	count := &r.errors
	if f.Severity == templates.SeverityWarning {
		count = &r.warnings
	}
	if *count++; *count > templates.MaxFindings+1 { // one more than is reported, to show that there are more
		return
	}
	r.findings = append(r.findings, r.placed(f))
}

// addNew adds the findings that were not reported before at the same place: the renderings of a template have
// most of them in common.
func (r *report) addNew(findings []templates.Finding) {
	for _, f := range findings {
		if f.Severity == templates.SeverityError && r.full() || f.Severity == templates.SeverityWarning && r.warnings > templates.MaxFindings {
			continue // more than are reported
		}
		if !r.has(r.placed(f)) {
			r.add(f)
		}
	}
}

func (r *report) has(f templates.Finding) bool {
	for i := range r.findings {
		if o := &r.findings[i]; o.Line == f.Line && o.Column == f.Column && o.Path == f.Path && o.Reason == f.Reason {
			return true
		}
	}
	return false
}

// placed returns the finding as it is reported: with file and excerpt, shortened and printable.
func (r *report) placed(f templates.Finding) templates.Finding {
	f.File = r.file
	if r.file == "" {
		f.Line, f.Column = 0, 0
	}
	f.Path = message.Cut(f.Path, maxPath)
	f.Message, f.Hint = message.Printable(message.Cut(f.Message, maxText)), message.Printable(message.Cut(f.Hint, maxText))
	f.Excerpt = r.text.excerpt(f.Line, f.Column)
	return f
}

// full reports whether the maximum number of errors is reached, so that further checks are of no use.
func (r *report) full() bool { return r.errors > templates.MaxFindings }

func (r *report) broken() bool { return r.errors > 0 }
