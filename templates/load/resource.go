package load

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/program"
)

// Resource is one template as read from an API server.
type Resource struct {
	// Kind, Namespace and Name identify it; Namespace is "" for a ClusterSidecarTemplate.
	Kind, Namespace, Name string
	// Content is the rest of the object as returned by ResourceContent.
	Content []byte
}

// ResourceContent returns the part of a resource, a JSON object, that affects loading besides its identity:
// its members without metadata and status, spec first, the others by name. It is equal for resources that
// load alike, whatever their annotations, managed fields and status are. The error is that of invalid JSON.
func ResourceContent(object []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, fmt.Errorf("template: %w", err)
	}
	// metadata is checked by the API server, and status written by the injector.
	delete(members, "metadata")
	delete(members, "status")
	content := []byte{'{'}
	add := func(name string) {
		value, ok := members[name]
		if !ok {
			return
		}
		if len(content) > 1 {
			content = append(content, ',')
		}
		content = append(program.AppendString(content, name), ':')
		content = append(content, value...)
		delete(members, name)
	}
	// First, so that its nodes have the same places in each resource and equal specs are found: see keyOf.
	add("spec")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		add(name)
	}
	return append(content, '}'), nil
}

// LoadResource reads one resource of a cluster. The findings have field paths, but no lines. If a resource
// with equal content is cached, it is not parsed.
func (l *Loader) LoadResource(r Resource) (entry templates.Entry) {
	entry = templates.Entry{Kind: r.Kind, Namespace: r.Namespace, Name: r.Name, Origin: templates.Origin{Source: templates.SourceCluster}}
	if stack := templates.Contain(func() { l.loadResource(&r, &entry) }); stack != "" {
		entry.Template, entry.Findings = nil, []templates.Finding{internalError(templates.Origin{}, stack)}
	}
	return entry
}

func (l *Loader) loadResource(r *Resource, entry *templates.Entry) {
	key := r.key()
	if alike := l.shared.find(key); alike != nil && templates.ValidName(r.Name) {
		own := *alike
		own.Name, own.Namespace = r.Name, r.Namespace
		entry.Template = &own
		return
	}
	if n := valuesOf(r.Content); n > 2*maxValues {
		entry.Findings = []templates.Finding{{Path: specPath().String(), Reason: templates.TooLarge, Severity: templates.SeverityError,
			Message: fmt.Sprintf("the template has %d values, at most %d are allowed", n, maxValues), Hint: "make several templates of it"}}
		return
	}
	if entries := l.Load(templates.SourceCluster, "", r.document()); len(entries) > 0 {
		entry.Template, entry.Canary, entry.Findings = entries[0].Template, entries[0].Canary, entries[0].Findings
	}
	if entry.Template != nil && !entry.Canary && len(entry.Findings) == 0 {
		l.shared.add(key, entry.Template)
	}
}

// key returns a hash that is equal for resources that are checked and compiled alike: see keyOf.
func (r *Resource) key() specKey {
	b := appendText([]byte("resource"), r.Kind)
	b = append(b, byte(len(r.Namespace)), byte(len(r.Name)))
	return sha256.Sum256(append(b, r.Content...))
}

// valuesOf returns the number of values of JSON text. The parser's nodes take up to a hundred times as much
// memory as their text, so that what has far too many values is not parsed.
func valuesOf(text []byte) int {
	n, within := 0, false // within a number or word
	for i := 0; i < len(text); i++ {
		word := false
		switch text[i] {
		case '"':
			n++
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			n++
		case ':':
			n-- // it follows a name
		case ']', '}', ',', ' ', '\t', '\n', '\r':
		default:
			word = true
			if !within {
				n++
			}
		}
		within = word
	}
	return n
}

// document returns the resource as a JSON document, as the loader reads one from a file.
func (r *Resource) document() []byte {
	document := bytes.TrimSuffix(bytes.TrimSpace(r.Content), []byte{'}'})
	document = slices.Clip(document) // the appends below must not write into Content
	if len(document) > 1 {
		document = append(document, ',')
	}
	document = append(document, `"metadata":{"name":`...)
	document = program.AppendString(document, r.Name)
	if r.Namespace != "" {
		document = append(document, `,"namespace":`...)
		document = program.AppendString(document, r.Namespace)
	}
	return append(document, `}}`...)
}
