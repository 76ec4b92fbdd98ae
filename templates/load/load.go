// Package load makes templates from YAML and JSON.
//
// A file is parsed into documents; a document is read into its identity and its spec; the spec's parameters
// are declared, and its YAML is compiled into a program in which only expressions are left to evaluate.
// Package check then checks what the template would add. Every fault becomes a Finding at the place to
// correct; a document without errors becomes a Template.
package load

import (
	"iter"
	"slices"
	"weak"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/version"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/expression"
)

// Loader loads templates that share compiled expressions, equal specs, and cached renderings. A process uses
// one Loader. It is safe for concurrent use.
type Loader struct {
	compiler   *expression.Compiler
	renderings *templates.Renderings
	shared     *sharedSpecs
	kubernetes *version.Version
	trusting   bool
}

// NewLoader returns a Loader with empty caches.
func NewLoader() *Loader {
	return &Loader{compiler: expression.NewCompiler(), renderings: templates.NewRenderings(), shared: &sharedSpecs{specs: map[specKey]weak.Pointer[templates.Template]{}}}
}

// For sets the release of Kubernetes for which templates are checked, and returns the Loader. The default,
// nil, is an unknown release: no field is reported as too new. For must be called before anything is loaded.
func (l *Loader) For(kubernetes *version.Version) *Loader {
	l.kubernetes = kubernetes
	return l
}

// Trust makes l take what it loads as free of faults, as the built-in templates are known to be by the tests of
// the program that holds them, and returns l: its expressions are compiled when they are first needed, and what
// they would add to a pod is not checked. Trust must be called before anything is loaded.
func (l *Loader) Trust() *Loader {
	l.trusting = true
	return l
}

// Settle frees memory that only loading needed; a caller that has loaded many templates calls it once. What
// is needed again is computed again.
func (l *Loader) Settle() { l.compiler.Unplan() }

// Load loads one file with a new Loader: see Loader.Load.
func Load(source, file string, data []byte) []templates.Entry {
	return NewLoader().Load(source, file, data)
}

// Load reads every template document of one file, YAML or JSON: ClusterSidecarTemplates and SidecarTemplates,
// also in Lists and as exported from a cluster. source is one of the Source constants, file the name reported
// in findings. It never fails: faults are in the entries' findings. A file that cannot be parsed returns one
// entry without a name, an empty one none.
func (l *Loader) Load(source, file string, data []byte) []templates.Entry {
	return slices.Collect(l.Entries(source, file, data))
}

// Entries yields what Load returns, each entry once it is loaded, so that a caller can stop in between.
func (l *Loader) Entries(source, file string, data []byte) iter.Seq[templates.Entry] {
	return func(yield func(templates.Entry) bool) {
		var lines text
		var documents []*yaml.Node
		var unread []templates.Finding
		origin := templates.Origin{Source: source, File: file, Line: 1}
		if stack := templates.Contain(func() {
			if file != "" {
				lines = newText(data)
			}
			documents, unread = parse(file, lines, data)
		}); stack != "" {
			unread = []templates.Finding{internalError(origin, stack)}
		}
		if unread != nil {
			yield(templates.Entry{Origin: origin, Findings: unread})
			return
		}
		for _, root := range documents {
			origin.Line = root.Line
			if file == "" {
				origin.Line = 0
			}
			if !yield(l.entry(root, origin, lines)) {
				return
			}
		}
	}
}

// entry reads one document; a panic becomes a finding.
func (l *Loader) entry(root *yaml.Node, origin templates.Origin, lines text) templates.Entry {
	e := templates.Entry{Origin: origin}
	r := &report{file: origin.File, text: lines, kubernetes: l.kubernetes}
	if stack := templates.Contain(func() { l.document(root, &e, r) }); stack != "" {
		r.findings = append(r.findings, internalError(origin, stack))
	}
	e.Findings = bounded(templates.SortFindings(r.findings))
	if e.Broken() {
		e.Template = nil
	}
	return e
}

// internalError returns the finding for a template, or a file, whose processing panicked.
func internalError(origin templates.Origin, stack string) templates.Finding {
	return templates.Finding{
		File: origin.File, Line: origin.Line, Column: min(origin.Line, 1), Reason: templates.InternalError, Severity: templates.SeverityError,
		Message: "checking it ended in an internal error of the injector",
		Hint:    "report it with the template; the injector's log has the stack",
		Stack:   stack,
	}
}

// bounded returns at most MaxFindings of each severity, each followed by a finding that says that there are
// more. findings must be sorted.
func bounded(findings []templates.Finding) []templates.Finding {
	warnings := len(findings)
	if i := slices.IndexFunc(findings, func(f templates.Finding) bool { return f.Severity != templates.SeverityError }); i >= 0 {
		warnings = i
	}
	return slices.Concat(first(findings[:warnings]), first(findings[warnings:]))
}

func first(findings []templates.Finding) []templates.Finding {
	if len(findings) <= templates.MaxFindings {
		return findings
	}
	last := &findings[templates.MaxFindings-1]
	return append(slices.Clip(findings[:templates.MaxFindings]), templates.Finding{
		File: last.File, Reason: templates.TooManyFindings, Severity: last.Severity,
		Message: "there are more findings than are shown", Hint: "mend these first",
	})
}
