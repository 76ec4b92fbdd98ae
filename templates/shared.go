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

// specKey is equal for documents whose checks, program and layout are equal. A template
// is checked under its own name, of which only the length matters.
func (d *document) specKey(spec *yaml.Node) specKey {
	b := appendKey(nil, d.entry.Kind)
	b = appendKey(b, d.entry.Namespace)
	b = append(b, byte(len(d.entry.Name)))
	b = append(b, manifest.JSON(spec)...)
	return sha256.Sum256(appendPlaces(b, spec, d.entry.Origin.Line))
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

// under is the template under another name and origin.
func (t *Template) under(e Entry) *Template {
	copied := *t
	copied.Name, copied.Kind, copied.Namespace, copied.Origin = e.Name, e.Kind, e.Namespace, e.Origin
	return &copied
}
