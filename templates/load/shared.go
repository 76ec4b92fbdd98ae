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

// sharedSpecs finds templates whose spec is written alike, so that thousands of
// copies under different names are checked, compiled and held once. They are held
// weakly: an edited template goes when nobody uses it any more.
type sharedSpecs struct {
	mutex sync.Mutex
	specs map[specKey]weak.Pointer[templates.Template]
}

func newSharedSpecs() *sharedSpecs {
	return &sharedSpecs{specs: map[specKey]weak.Pointer[templates.Template]{}}
}

type specKey [sha256.Size]byte

// keyOf is equal for documents whose checks, program and layout are equal, but for
// what they match: teams often give one sidecar to different pods. A template is checked
// under its own name and in its own namespace, of which only the lengths matter.
func keyOf(spec *yaml.Node, e *templates.Entry) specKey {
	rest := *spec
	rest.Content = nil
	matches := byte(0)
	for key, value := range manifest.Pairs(spec) {
		if key.Value == "match" && value.Kind == yaml.MappingNode {
			matches = 1 // what follows from that alone, such as the failure policy, is shared
			continue
		}
		rest.Content = append(rest.Content, key, value)
	}
	b := appendText(nil, e.Kind)
	b = append(b, byte(len(e.Namespace)), byte(len(e.Name)), matches)
	b = append(b, manifest.JSON(&rest)...)
	return sha256.Sum256(appendPlaces(b, &rest, e.Origin.Line))
}

// appendPlaces writes where each node stands: faults at run time name the place.
func appendPlaces(b []byte, n *yaml.Node, from int) []byte {
	b = binary.AppendVarint(b, int64(n.Line-from))
	b = binary.AppendVarint(b, int64(n.Column))
	for _, child := range n.Content {
		b = appendPlaces(b, child, from)
	}
	return b
}

// find gives a template of an equal spec in which nothing was found wrong, or nil.
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
		if s.specs[key] == pointer { // else a later one has taken the place
			delete(s.specs, key)
		}
	}, key)
}

// appendText writes a text so that its end is known.
func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// copyOf makes the template of an entry out of one whose spec is alike, but for its match.
func copyOf(alike *templates.Template, e *templates.Entry, spec *yaml.Node, r *report) *templates.Template {
	t := *alike
	t.Name, t.Kind, t.Namespace, t.Origin = e.Name, e.Kind, e.Namespace, e.Origin
	if n := valueAt(spec, "match"); n != nil && n.Kind == yaml.MappingNode {
		own := *alike.Spec
		own.Match = nil // lest it be decoded into
		decodeNode(n, &own.Match)
		t.Spec = &own
		t.PodSelector, t.NamespaceSelector = match(spec, own.Match, t.Parameters(), r)
	}
	return &t
}
