package templates

import (
	"errors"
	"fmt"
	"strings"
	"weak"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/expression"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
	"github.com/sidecar-injector/sidecar-injector/templates/schema"
	"github.com/sidecar-injector/sidecar-injector/templates/v1alpha1"
)

// Loader loads templates that share what they have in common: compiled
// expressions, whole specs, and the renderings that are kept for reuse. A process wants one
// of them. Safe for concurrent use.
type Loader struct {
	compiler   *expression.Compiler
	renderings *renderings
	shared     *sharedSpecs
}

// NewLoader gives a Loader without templates.
func NewLoader() *Loader {
	return &Loader{compiler: expression.NewCompiler(), renderings: newRenderings(), shared: &sharedSpecs{specs: map[specKey]weak.Pointer[Template]{}}}
}

// Settle gives back the memory that only loading needed; a caller that has loaded many
// templates calls it once. Whatever is used of it is made again.
func (loader *Loader) Settle() { loader.compiler.Unplan() }

// Load is a new Loader's Load.
func Load(source, file string, data []byte) []Entry {
	return NewLoader().Load(source, file, data)
}

// Load reads every template document of one file, YAML or JSON:
// ClusterSidecarTemplates and SidecarTemplates, also in Lists and as exported from a
// cluster. source is one of the Source constants, file the name that findings show. It never
// fails: what is wrong stands in the entries' findings. A file that cannot be
// parsed gives one entry without a name, an empty one none.
func (loader *Loader) Load(source, file string, data []byte) []Entry {
	l := &fileLoader{Loader: loader, source: source, file: file}
	var stream *manifest.Stream
	var unread []Finding
	if stack := contain(func() { stream, unread = l.parse(data) }); stack != "" {
		unread = []Finding{internalError(Origin{File: file, Line: 1}, stack)}
	}
	if unread != nil {
		return []Entry{{Origin: Origin{Source: source, File: file, Line: 1}, Findings: unread}}
	}
	for _, doc := range stream.Documents {
		if doc.Root != nil {
			l.document(doc.Root, doc.Root.Line)
		}
	}
	return l.entries
}

// parse reads the file, or gives why it cannot be read.
func (l *fileLoader) parse(data []byte) (*manifest.Stream, []Finding) {
	if l.file != "" { // a resource of the cluster has no lines that its author knows
		l.text = newSourceText(data)
	}
	stream, err := manifest.Parse(l.file, data)
	if err != nil {
		return nil, l.parseFindings(data, err)
	}
	return stream, nil
}

// fileLoader reads one file.
type fileLoader struct {
	*Loader
	source, file string
	text         sourceText
	entries      []Entry
}

// parseFindings explains why a file is no YAML.
func (l *fileLoader) parseFindings(data []byte, err error) []Finding {
	f := Finding{File: l.file, Reason: YAMLSyntax, Severity: SeverityError, Message: err.Error()}
	var syntax *manifest.Error
	if !errors.As(err, &syntax) {
		return []Finding{f}
	}
	f.Line, f.Column, f.Message, f.Hint = syntax.Line, syntax.Column, syntax.Message, syntax.Hint
	if f.Column == 0 {
		f.Column = l.text.indentation(f.Line) + 1
	}
	if found := l.duplicates(data); len(found) > 0 {
		return found
	}
	if line, column, mended, ok := l.text.unquoted(syntax.Line); ok && syntax.Column == 0 {
		f.Reason, f.Line, f.Column = UnquotedExpression, line, column
		f.Message = "YAML cannot read this line because its expression is not quoted"
		f.Hint = "quote it: " + mended
	}
	f.Excerpt = l.text.excerpt(f.Line, f.Column)
	return []Finding{f}
}

// duplicates finds all keys that are set twice, if the file is otherwise YAML.
func (l *fileLoader) duplicates(data []byte) []Finding {
	var findings []Finding
	decoder := yaml.NewDecoder(strings.NewReader(string(data)))
	for {
		var doc yaml.Node
		if err := decode(decoder, &doc); err != nil {
			return bounded(sortFindings(findings))
		}
		l.duplicatesIn(&doc, nil, &findings)
	}
}

// decode keeps a panic of the YAML parser from ending the process.
func decode(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("YAML: %v", r)
		}
	}()
	return decoder.Decode(into)
}

func (l *fileLoader) duplicatesIn(n *yaml.Node, at *schema.Path, findings *[]Finding) {
	if n.Kind != yaml.MappingNode {
		for i, child := range n.Content {
			below := at
			if n.Kind == yaml.SequenceNode {
				below = at.Item(i)
			}
			l.duplicatesIn(child, below, findings)
		}
		return
	}
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		below := at.Member(key.Value)
		if before := seen[key.Value]; before != nil && key.Kind == yaml.ScalarNode && len(*findings) <= maxFindings {
			*findings = append(*findings, Finding{
				File: l.file, Line: key.Line, Column: key.Column, Path: cut(below.String(), maxPath),
				Reason: DuplicateKey, Severity: SeverityError,
				Message: fmt.Sprintf("key %s is already set on line %d", Quote(key.Value), before.Line),
				Hint:    "keep one of them",
				Excerpt: l.text.excerpt(key.Line, key.Column),
			})
		}
		seen[key.Value] = key
		l.duplicatesIn(n.Content[i+1], below, findings)
	}
}

// document reads one document, or each item of a List.
func (l *fileLoader) document(root *yaml.Node, line int) {
	d := &document{
		fileLoader: l,
		root:       root,
		entry:      Entry{Origin: Origin{Source: l.source, File: l.file, Line: line}},
	}
	if l.file == "" {
		d.entry.Origin.Line = 0
	}
	if root.Kind != yaml.MappingNode {
		d.report(root, nil, WrongType, "a document is a mapping with apiVersion, kind, metadata and spec", "want a mapping, got a %s", nodeKind(root))
		l.add(d)
		return
	}
	if kind := scalarAt(root, "kind"); strings.HasSuffix(kind, "List") {
		items := manifest.Resolve(valueAt(root, "items"))
		if items == nil || items.Kind != yaml.SequenceNode {
			d.report(root, nil, WrongType, "", "a %s has a list of items", kind)
			l.add(d)
			return
		}
		for _, item := range items.Content {
			if item = manifest.Resolve(item); item != nil {
				l.document(item, item.Line)
			}
		}
		return
	}
	if stack := contain(d.read); stack != "" {
		d.findings = append(d.findings, internalError(d.entry.Origin, stack))
	}
	l.add(d)
}

func (l *fileLoader) add(d *document) {
	d.entry.Findings = bounded(sortFindings(d.findings))
	if d.entry.Broken() {
		d.entry.Template = nil
	}
	l.entries = append(l.entries, d.entry)
}

// document is one template document while it is read.
type document struct {
	*fileLoader
	root     *yaml.Node
	entry    Entry
	findings []Finding
	// errors and warnings are how many there were, kept or not.
	errors, warnings int
	spec             v1alpha1.SidecarTemplateSpec
	template         *Template
	// work is what the expressions of all renderings have cost so far.
	work uint64
	// incomplete says that parts of app or pod are not in the program.
	incomplete bool
}

// report adds an error at a node; at nil is the document.
func (d *document) report(n *yaml.Node, at *schema.Path, reason FindingReason, hint, format string, args ...any) {
	line, column := 0, 0
	if n != nil {
		line, column = n.Line, n.Column
	}
	d.add(line, column, at.String(), reason, SeverityError, hint, fmt.Sprintf(format, args...))
}

// warn adds a warning at a node.
func (d *document) warn(n *yaml.Node, at *schema.Path, reason FindingReason, hint, format string, args ...any) {
	d.add(n.Line, n.Column, at.String(), reason, SeverityWarning, hint, fmt.Sprintf(format, args...))
}

func (d *document) add(line, column int, path string, reason FindingReason, severity Severity, hint, message string) {
	count := &d.errors
	if severity == SeverityWarning {
		count = &d.warnings
	}
	if *count++; *count > maxFindings+1 { // one more shows that there are more
		return
	}
	if d.file == "" {
		line, column = 0, 0
	}
	d.findings = append(d.findings, Finding{
		File: d.file, Line: line, Column: column, Path: cut(path, maxPath), Reason: reason, Severity: severity,
		Message: Printable(cut(message, maxText)), Hint: Printable(cut(hint, maxText)), Excerpt: d.text.excerpt(line, column),
	})
}

func (d *document) broken() bool {
	return d.errors > 0
}

// faults reports what a schema found.
func (d *document) faults(faults []schema.Fault) {
	for _, f := range faults {
		line, column := 0, 0
		if f.Node != nil {
			line, column = f.Node.Line, f.Node.Column
		}
		d.add(line, column, f.Path, FindingReason(f.Reason), SeverityError, f.Hint, f.Message)
	}
}

func nodeKind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	default:
		return "scalar"
	}
}

// valueAt is a mapping's value, nil if it has none of that key.
func valueAt(n *yaml.Node, key string) *yaml.Node {
	for k, v := range manifest.Pairs(n) {
		if k.Value == key {
			return v
		}
	}
	return nil
}

// scalarAt is a mapping's value if it is a scalar, else "".
func scalarAt(n *yaml.Node, key string) string {
	if v := valueAt(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}
