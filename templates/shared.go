package templates

import (
	"crypto/sha256"
	"encoding/binary"
	"runtime"
	"sync"
	"weak"

	"go.yaml.in/yaml/v3"

	"github.com/sidecar-injector/sidecar-injector/templates/manifest"
)

// sharedSpecs finds templates whose spec is written alike, so that thousands of
// copies under different names are checked, compiled and held once. They are held
// weakly: an edited template goes when nobody uses it any more.
type sharedSpecs struct {
	mutex sync.Mutex
	specs map[specKey]weak.Pointer[Template]
}

type specKey [sha256.Size]byte

// specKey is equal for documents whose checks, program and layout are equal, but for
// what they match: teams often give one sidecar to different pods. A template is checked
// under its own name and in its own namespace, of which only the lengths matter.
func (d *document) specKey(spec *yaml.Node) specKey {
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
	b := appendKey(nil, d.entry.Kind)
	b = append(b, byte(len(d.entry.Namespace)), byte(len(d.entry.Name)), matches)
	b = append(b, manifest.JSON(&rest)...)
	return sha256.Sum256(appendPlaces(b, &rest, d.entry.Origin.Line))
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
func (s *sharedSpecs) find(key specKey) *Template {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.specs[key].Value()
}

func (s *sharedSpecs) add(key specKey, t *Template) {
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

// copyOf makes the template of a document out of one whose spec is alike; its own
// match is still to be read.
func (d *document) copyOf(alike *Template, spec *yaml.Node) {
	t := *alike
	t.Name, t.Kind, t.Namespace, t.Origin = d.entry.Name, d.entry.Kind, d.entry.Namespace, d.entry.Origin
	d.template = &t
	if match := valueAt(spec, "match"); match != nil && match.Kind == yaml.MappingNode {
		own := *alike.Spec
		own.Match = nil // lest it be decoded into
		decodeNode(match, &own.Match)
		t.Spec, d.spec.Match = &own, own.Match
		d.match(spec)
	}
}
