package load

import (
	"fmt"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/message"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
)

// report collects what is found in one document.
type report struct {
	file string // "" for a resource of the cluster, which has no lines that its author knows
	text text
	// kubernetes is the release that templates are for; nil where nobody knows.
	kubernetes *version.Version
	findings   []templates.Finding
	// errors and warnings are how many there were, kept or not.
	errors, warnings int
}

// Bounds of a finding in bytes: names and values of a template have no length.
const maxPath, maxText = 512, 2048

// fault adds an error at a node; at nil is the document.
func (r *report) fault(n *yaml.Node, at *schema.Path, reason templates.FindingReason, hint, format string, args ...any) {
	f := templates.Finding{Path: at.String(), Reason: reason, Severity: templates.SeverityError, Hint: hint, Message: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Line, f.Column = n.Line, n.Column
	}
	r.add(f)
}

// warn adds a warning at a node.
func (r *report) warn(n *yaml.Node, at *schema.Path, reason templates.FindingReason, message string) {
	r.add(templates.Finding{Line: n.Line, Column: n.Column, Path: at.String(), Reason: reason, Severity: templates.SeverityWarning, Message: message})
}

// faults adds what a schema found.
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

// add completes a finding with what the file says about its place.
func (r *report) add(f templates.Finding) {
	count := &r.errors
	if f.Severity == templates.SeverityWarning {
		count = &r.warnings
	}
	if *count++; *count > templates.MaxFindings+1 { // one more shows that there are more
		return
	}
	r.findings = append(r.findings, r.placed(f))
}

// addNew adds what was not found at the same place before: the renderings of a template have
// most of it in common.
func (r *report) addNew(findings []templates.Finding) {
	for _, f := range findings {
		if f.Severity == templates.SeverityError && r.full() || f.Severity == templates.SeverityWarning && r.warnings > templates.MaxFindings {
			continue // there are more than are told
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

// placed is the finding as it is told.
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

// full says that the errors are as many as are told: what follows would be for nothing.
func (r *report) full() bool { return r.errors > templates.MaxFindings }

// broken says that there is an error.
func (r *report) broken() bool { return r.errors > 0 }
