package load

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"
	"weak"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates"
	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// sharedSpecs finds templates by their spec, so that thousands of copies under different names are checked,
// compiled and held once. It holds weak pointers: a spec is collected when no template uses it any more.
type sharedSpecs struct {
	mutex sync.Mutex
	specs map[specKey]weak.Pointer[templates.Template]
}

type specKey [sha256.Size]byte

// keyOf returns a hash that is equal for documents whose checks, program and layout are equal. Their match
// may differ: teams often use one sidecar for different pods. Name and namespace affect the checks only by
// their lengths.
func keyOf(spec *yaml.Node, e *templates.Entry) specKey {
	rest := *spec
	rest.Content = nil
	matches := byte(0)
	for key, value := range manifest.Pairs(spec) {
		if key.Value == "match" && value.Kind == yaml.MappingNode {
			matches = 1 // only whether there is one counts, for defaults such as the failure policy
			continue
		}
		rest.Content = append(rest.Content, key, value)
	}
	b := appendText(nil, e.Kind)
	b = append(b, byte(len(e.Namespace)), byte(len(e.Name)), matches)
	b = append(b, manifest.JSON(&rest)...)
	return sha256.Sum256(appendPlaces(b, &rest, e.Origin.Line))
}

// appendPlaces appends the place and style of each node: errors at run time contain places of characters.
func appendPlaces(b []byte, n *yaml.Node, from int) []byte {
	b = binary.AppendVarint(b, int64(n.Line-from))
	b = binary.AppendVarint(b, int64(n.Column))
	b = append(b, byte(n.Style))
	for _, child := range n.Content {
		b = appendPlaces(b, child, from)
	}
	return b
}

// find returns a template with an equal spec and without findings, or nil.
func (s *sharedSpecs) find(key specKey) *templates.Template {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.specs[key].Value()
}

func (s *sharedSpecs) add(key specKey, t *templates.Template) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	pointer := weak.Make(t)
	s.specs[key] = pointer
	runtime.AddCleanup(t, func(key specKey) {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		if s.specs[key] == pointer { // otherwise a later template has replaced it
			delete(s.specs, key)
		}
	}, key)
}

// appendText appends a text, preceded by its length.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// copyOf returns the template of an entry as a copy of one whose spec is equal except for match.
func copyOf(alike *templates.Template, e *templates.Entry, spec *yaml.Node, r *report) *templates.Template {
	t := *alike
	t.Name, t.Kind, t.Namespace, t.Origin = e.Name, e.Kind, e.Namespace, e.Origin
	if n := valueAt(spec, "match"); n != nil && n.Kind == yaml.MappingNode {
		own := *alike.Spec
		own.Match = nil // so that the shared one is not decoded into
		decodeNode(n, &own.Match)
		t.Spec = &own
		t.PodSelector, t.NamespaceSelector = match(spec, own.Match, t.Parameters(), r)
	}
	return &t
}
